import { z } from 'zod';

const count = z.int().nonnegative();
const error = z.object({ code: z.string(), message: z.string() });

/** A batch as the server tells of it; docs/batches.md. */
export const batchSchema = z.object({
  id: z.string().min(1),
  state: z.enum(['running', 'completed', 'cancelled']),
  total: count,
  counts: z.object({ queued: count, active: count, completed: count, failed: count, cancelled: count }),
  /** Lines that were refused at once; `failed` counts them too, and the results tell of them. */
  rejected: z.object({ count, first: z.array(error.extend({ line: count })) }),
  /** Feature sets a second, and seconds to the end; absent or null where nobody can tell. */
  rate: z.number().nullish(),
  etaSeconds: z.number().nullish(),
});
export type Batch = z.infer<typeof batchSchema>;

/** What became of one line of a batch. */
export const resultSchema = z.object({
  /** Where to go on after this result. */
  cursor: z.union([z.string(), z.number()]).transform(String),
  /** Of the body that was submitted, from 1. */
  line: z.int().positive(),
  name: z.string().nullish(),
  state: z.enum(['completed', 'failed', 'cancelled']),
  features: z.object({ id: z.string(), href: z.string() }).nullish(),
  error: error.nullish(),
});
export type Result = z.infer<typeof resultSchema>;

/** What precedes a feature set in the stream of a batch's features, or says why it does not follow. */
export const featureEntrySchema = z.object({ line: z.int().positive(), error: error.optional() });

export function isFinished(batch: Batch): boolean {
  return batch.state !== 'running';
}
