import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../../errors.js';
import { batchPayloadSchema, PRIORITY_NAMES } from '../../jobs/payload.js';

/** The queue that batches wait in to be fed into the queue of jobs, and the name each entry bears. */
export const BATCH_QUEUE = 'batches';
export const BATCH_JOB = 'feed';

/** Where manifests are kept in the store. */
export const BATCHES_PREFIX = 'batches';

/** In characters: what is wrong with a line is kept in Redis, so its sentence has to be one. */
export const MAX_MESSAGE = 500;

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** One line of a manifest at rest: a job to be, or why there is none. */
export const batchLineSchema = z.union([
  z.object({ payload: batchPayloadSchema, priority: z.enum(PRIORITY_NAMES) }),
  z.object({
    line: z.int().positive(),
    name: z.string(),
    error: z.object({ code: z.enum(codes), message: z.string() }),
  }),
]);
export type BatchLine = z.infer<typeof batchLineSchema>;
