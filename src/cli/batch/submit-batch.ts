import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Batch, Cairn, JobOptions } from '../../client/index.js';
import { CairnError } from '../../errors.js';

/** After this many failed batches another one would fail as well. */
const MAX_ATTEMPTS = 1000;

export interface Submission {
  /** The file to submit, and its SHA-256. */
  readonly manifest: string;
  readonly sha256: string;
  readonly query: URLSearchParams;
  /** Never resume an earlier batch. */
  readonly isNew: boolean;
}

/**
 * Submits a manifest, or finds the earlier batch of the same manifest if that is running or has completed without
 * failures. After a cancelled batch or one with failures this makes a new attempt, in which the server computes
 * nothing twice.
 */
export async function submitBatch(
  client: Cairn,
  { manifest, sha256, query, isNew }: Submission,
): Promise<{ batch: Batch; found: boolean }> {
  const suffix = isNew ? `-${randomUUID()}` : '';
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const key = batchKey(sha256, query, attempt) + suffix;
    const options = Object.fromEntries(query) as JobOptions;
    const answer = await client.batches.submitManifest(() => createReadStream(manifest), options, { key });
    const { state, counts } = answer.batch;
    const ended = state === 'cancelled' || (state === 'completed' && counts.failed + counts.cancelled > 0);
    // With --new, a batch that is found was made by a request whose response was lost.
    if (isNew || !answer.found || !ended) return answer;
  }
  throw new CairnError('server-failed', `${MAX_ATTEMPTS} batches of this manifest have failed; --new makes another.`);
}

/**
 * The idempotency key of a manifest with its options.
 *
 * @param sha256 SHA-256 of the manifest as submitted.
 * @param attempt from 1: attempts have different keys.
 */
export function batchKey(sha256: string, query: URLSearchParams, attempt: number): string {
  const options = new URLSearchParams(query);
  options.sort();
  const key = createHash('sha256').update(`${sha256}\n${options.toString()}`).digest('hex');
  return attempt === 1 ? key : `${key}-${attempt}`;
}
