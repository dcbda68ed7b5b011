import { randomUUID } from 'node:crypto';
import { CairnError } from '../../errors.js';
import type { BatchClient } from './batch-client.js';
import { batchKey } from './batch-key.js';
import type { Batch } from './batch-schema.js';
import type { Patience } from './patience.js';

/** Whoever has failed this often would fail again. */
const MAX_ATTEMPTS = 1000;

export interface Submission {
  /** The file to submit, and its SHA-256. */
  readonly manifest: string;
  readonly sha256: string;
  readonly query: URLSearchParams;
  /** Takes no earlier batch for this one. */
  readonly isNew: boolean;
}

/**
 * Submits a manifest, or finds the batch that was made of it before: one that runs, or has nothing left to
 * do. After one that was cancelled or in which something failed a new attempt is made, for which the server
 * computes nothing twice.
 */
export async function submitBatch(
  client: BatchClient,
  patience: Patience,
  { manifest, sha256, query, isNew }: Submission,
): Promise<{ batch: Batch; found: boolean }> {
  const once = `-${randomUUID()}`;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const key = batchKey(sha256, query, attempt) + (isNew ? once : '');
    const answer = await patience.retry(() => client.submit(manifest, query, key));
    const { state, counts } = answer.batch;
    const ended = state === 'cancelled' || (state === 'completed' && counts.failed + counts.cancelled > 0);
    // With --new an answer that was found is that to a try whose answer was lost.
    if (isNew || !answer.found || !ended) return answer;
  }
  throw new CairnError('server-failed', `${MAX_ATTEMPTS} batches of this manifest have failed; --new makes another.`);
}
