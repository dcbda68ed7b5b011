import { z } from 'zod';
import { BATCH_STATES, rejectedSchema } from './batch.js';
import type { BatchResult } from './ledger.js';
import type { BatchStatus } from './queue.js';

const count = z.int().nonnegative();

/** A batch as the API sends it and the command line reads it. */
export const batchViewSchema = z.object({
  id: z.string().min(1),
  state: z.enum(BATCH_STATES),
  total: count,
  counts: z.object({ queued: count, active: count, completed: count, failed: count, cancelled: count }),
  /** Lines that were refused on submission; `counts.failed` includes them. */
  rejected: rejectedSchema,
  /** Feature sets per second within the last minute. */
  rate: z.number(),
  etaSeconds: z.number().nullable(),
  createdAt: z.string(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
  links: z.object({ self: z.string(), results: z.string(), features: z.string() }),
});
export type BatchView = z.infer<typeof batchViewSchema>;

/** The outcome of one line of a batch. */
export const resultViewSchema = z.object({
  /** Position in the order of completion. */
  cursor: z.string(),
  /** Line number in the submitted body, from 1. */
  line: z.int().positive(),
  name: z.string(),
  state: z.enum(['completed', 'failed', 'cancelled']),
  features: z.object({ id: z.string(), href: z.string() }).optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type ResultView = z.infer<typeof resultViewSchema>;

export function batchView(status: BatchStatus): BatchView {
  const { id, state, total, rejected, createdAt, startedAt, finishedAt, etaSeconds } = status;
  const { queued, active, completed, failed, cancelled } = status;
  const self = `/v1/batches/${id}`;
  return {
    ...{ id, state, total, counts: { queued, active, completed, failed, cancelled }, rejected },
    rate: Math.round(status.rate * 1000) / 1000,
    etaSeconds,
    createdAt,
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    links: { self, results: `${self}/results`, features: `${self}/features` },
  };
}

export function resultView({ featuresId: id, ...result }: BatchResult): ResultView {
  return { ...result, ...(id !== undefined && { features: { id, href: `/v1/features/${id}` } }) };
}
