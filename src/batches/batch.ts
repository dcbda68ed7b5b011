import { z } from 'zod';

export const BATCH_STATES = ['running', 'completed', 'cancelled'] as const;

/** Lines that were refused at submission: how many, and the first of them. */
export const rejectedSchema = z.object({
  count: z.int().nonnegative(),
  first: z.array(z.object({ line: z.int(), code: z.string(), message: z.string() })),
});
export type Rejected = z.infer<typeof rejectedSchema>;

/** A batch as submitted: references and counts. */
export const newBatchSchema = z.object({
  id: z.string().regex(/^[0-9a-f-]{32,36}$/),
  /** Key of the manifest in the store. */
  manifest: z.string(),
  /** Lines that will have an outcome. */
  total: z.int().positive(),
  rejected: rejectedSchema,
  createdAt: z.iso.datetime(),
  /** The id of the store that has the manifest; batches of older versions lack it. */
  store: z.string().optional(),
  /** The name of the key that submitted it; none where the server asks for no keys. */
  owner: z.string().optional(),
  /** SHA-256 of what was sent, where it came with an Idempotency-Key: see `Fingerprint`. */
  fingerprint: z.string().optional(),
});
export type NewBatch = z.infer<typeof newBatchSchema>;

const count = z.coerce.number().int().nonnegative().default(0);
const json = z.string().transform((text) => JSON.parse(text) as unknown);

/** A place in a manifest: its first `lines` lines, which end at byte `offset`. */
const cursorSchema = z.object({ offset: z.int(), lines: z.int() });
export type FeedCursor = Readonly<z.infer<typeof cursorSchema>>;
const cursor = json.pipe(cursorSchema).default({ offset: 0, lines: 0 });

/** A batch as the ledger stores it: the fields of a Redis hash, which are text. */
export const batchSchema = newBatchSchema.extend({
  state: z.enum(BATCH_STATES),
  total: z.coerce.number().int().positive(),
  rejected: json.pipe(rejectedSchema),
  completed: count,
  failed: count,
  cancelled: count,
  /** How far it is fed. */
  cursor,
  /** A place before which every line has its outcome. */
  settled: cursor,
  startedAt: z.iso.datetime().optional(),
  /** Set once every line has an outcome. */
  finishedAt: z.iso.datetime().optional(),
});
export type Batch = z.infer<typeof batchSchema>;

/** Lines that have an outcome. */
export function endedLines({ completed, failed, cancelled }: Batch): number {
  return completed + failed + cancelled;
}
