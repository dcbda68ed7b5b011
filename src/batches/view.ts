import type { BatchStatus } from './queue.js';
import type { Rejected } from './batch.js';
import type { BatchResult } from './ledger.js';

/** A batch as the API shows it. */
export interface BatchView {
  readonly id: string;
  readonly state: BatchStatus['state'];
  readonly total: number;
  readonly counts: Record<'queued' | 'active' | 'completed' | 'failed' | 'cancelled', number>;
  /** Lines that were refused when the batch was taken in; they count as failed. */
  readonly rejected: Rejected;
  /** Feature sets per second within the last minute. */
  readonly rate: number;
  readonly etaSeconds: number | null;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly links: Record<'self' | 'results' | 'features', string>;
}

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

/** What became of a line, as the API shows it. */
export interface ResultView extends Omit<BatchResult, 'featuresId'> {
  readonly features?: { readonly id: string; readonly href: string };
}

export function resultView({ featuresId: id, ...result }: BatchResult): ResultView {
  return { ...result, ...(id !== undefined && { features: { id, href: `/v1/features/${id}` } }) };
}
