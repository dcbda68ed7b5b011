import { z } from 'zod';
import { featureRef, featureRefSchema } from '../features/links.js';
import { BATCH_STATES, rejectedSchema } from './batch.js';
import type { BatchResult } from './ledger.js';
import type { BatchStatus } from './queue.js';

const count = z.int().nonnegative();
const path = z.string();

const ownerSchema = z.string().optional().meta({ description: 'Name of the key that submitted it.' });

/** A batch as the API shows it. */
export const batchViewSchema = z
  .object({
    id: z.string(),
    state: z.enum(BATCH_STATES),
    total: z.int().positive().meta({ description: 'Lines of the batch, refused ones included.' }),
    counts: z
      .object({ queued: count, active: count, completed: count, failed: count, cancelled: count })
      .meta({ description: 'Lines by state; they add up to `total`.' }),
    rejected: rejectedSchema.meta({
      description: 'Lines that were refused on arrival, and the first of them. They count as failed.',
    }),
    rate: z.number().meta({ description: 'Feature sets per second over the last minute.' }),
    etaSeconds: z
      .number()
      .nullable()
      .meta({ description: 'Seconds to the end at this rate; null while there is no rate, and once it is finished.' }),
    owner: ownerSchema,
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().optional(),
    finishedAt: z.iso.datetime().optional(),
    links: z.object({ self: path, results: path, features: path }),
  })
  .meta({ id: 'Batch', description: 'Many images that were submitted together.' });
export type BatchView = z.infer<typeof batchViewSchema>;

export function batchView(status: BatchStatus): BatchView {
  const { id, state, total, rejected, createdAt, startedAt, finishedAt, etaSeconds, owner } = status;
  const self = `/v1/batches/${id}`;
  return {
    ...{ id, state, total, counts: countsOf(status), rejected },
    rate: Math.round(status.rate * 1000) / 1000,
    etaSeconds,
    ...(owner !== undefined && { owner }),
    createdAt,
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    links: { self, results: `${self}/results`, features: `${self}/features` },
  };
}

/** A refused line has failed from the beginning, though its outcome is recorded only when the batch is fed. */
function countsOf({ queued, active, completed, failed, cancelled, rejected }: BatchStatus): BatchView['counts'] {
  const unrecorded = Math.min(queued, Math.max(0, rejected.count - failed));
  return { queued: queued - unrecorded, active, completed, failed: failed + unrecorded, cancelled };
}

/** The outcome of a line as the API shows it. */
export const resultViewSchema = z
  .object({
    cursor: z.string().meta({ description: 'Position in the order of completion, for `after`.' }),
    line: z.int().positive().meta({ description: 'Place in the batch, from 1.' }),
    name: z.string().meta({ description: 'Name of the image, as submitted.' }),
    state: z.enum(['completed', 'failed', 'cancelled']),
    features: featureRefSchema.optional(),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
  })
  .meta({ id: 'BatchResult', description: 'The outcome of one line of a batch.' });
export type ResultView = z.infer<typeof resultViewSchema>;

export function resultView({ featuresId, ...result }: BatchResult): ResultView {
  return { ...result, ...(featuresId !== undefined && { features: featureRef(featuresId) }) };
}
