import { z } from 'zod';
import { STAGES } from './stages.js';

/** The queue that extraction jobs wait in, and the name each of them bears. */
export const EXTRACT_QUEUE = 'extract';
export const EXTRACT_JOB = 'extract';

/** Where uploads and fetched images are kept in the store, by digest. */
export const IMAGES_PREFIX = 'images';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Where a job's image is. Pixels never travel through the queue. */
const sourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('upload'), key: z.string(), sha256 }),
  z.object({ kind: z.literal('url'), url: z.url(), allowPrivate: z.boolean(), maxBytes: z.int().positive() }),
]);
export type ImageSource = z.infer<typeof sourceSchema>;

/** What a job carries: references and options. */
export const payloadSchema = z.object({
  source: sourceSchema,
  model: z.string(),
  stage5: z.boolean(),
  levels: z.array(z.string()),
  dtype: z.string(),
  precision: z.string().default('float32'),
  size: z.int(),
  /** Digest of the weights at submission: a worker that has others must not answer under this job's id. */
  weightsDigest: sha256,
  /** What to call those weights: `seeded`, `seeded:N` or a file's name. */
  weights: z.string(),
  /** The batch it belongs to: which of its lines (from 1) this is, and what the submitter calls it. */
  batch: z.object({ id: z.string(), line: z.int().positive(), name: z.string() }).optional(),
});
export type JobPayload = z.infer<typeof payloadSchema>;

/** What a finished job leaves in Redis: small, since the event stream keeps a copy. */
export const resultSchema = z.object({
  featuresId: sha256,
  /** Milliseconds per stage; empty when the archive was there already. */
  timings: z.record(z.string(), z.number()),
});
export type JobResult = z.infer<typeof resultSchema>;

export const progressSchema = z.object({ stage: z.enum(STAGES), percent: z.number() });
export type JobProgress = z.infer<typeof progressSchema>;
