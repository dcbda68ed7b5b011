import { setTimeout as sleep } from 'node:timers/promises';
import { asCairnError } from '../../errors.js';
import type { BatchClient } from './batch-client.js';
import { isFinished, type Batch, type Result } from './batch-schema.js';
import type { FeatureFiles } from './feature-files.js';
import type { Patience } from './patience.js';

const POLL_INTERVAL_MS = 1000;

/** A result, and where its features were written. */
export interface FinishedLine extends Result {
  readonly path?: string;
}

export interface FollowOptions {
  readonly patience: Patience;
  /** Where feature sets are written; nowhere by default. */
  readonly files?: FeatureFiles | undefined;
  readonly onBatch: (batch: Batch) => void;
  /** Each line once, as it finishes; those that finished before the call come first. */
  readonly onLine: (line: FinishedLine) => void;
}

/**
 * Follows a batch to its end, over restarts of the server.
 *
 * @returns the batch as it ended.
 * @throws CairnError where the server stays away or does not know the batch, `cancelled`, `store-failed`.
 */
export async function followBatch(client: BatchClient, id: string, options: FollowOptions): Promise<Batch> {
  const { patience, files, onBatch, onLine } = options;
  const over = new AbortController();
  const poll = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const batch = await patience.retry(() => client.batch(id));
      onBatch(batch);
      if (isFinished(batch)) return;
      await sleep(POLL_INTERVAL_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const read = async (): Promise<void> => {
    for await (const { result, before } of allResults(client, id, patience)) {
      onLine(files && result.state === 'completed' ? await bring(files, result, before) : result);
    }
    over.abort();
  };
  try {
    await Promise.all([poll(), read()]);
  } finally {
    over.abort();
    await files?.close();
  }
  return patience.retry(() => client.batch(id));
}

/** What cannot be fetched has failed for whoever wanted the file; a disk that refuses ends it all. */
async function bring(files: FeatureFiles, result: Result, before: string | undefined): Promise<FinishedLine> {
  try {
    return { ...result, path: await files.bring(result, before) };
  } catch (thrown) {
    const { code, message } = asCairnError(thrown);
    if (code !== 'features-not-found') throw thrown;
    return { ...result, state: 'failed', error: { code, message } };
  }
}

async function* allResults(
  client: BatchClient,
  id: string,
  patience: Patience,
): AsyncGenerator<{ result: Result; before: string | undefined }> {
  let after: string | undefined;
  let finished = false;
  for (let attempt = 0; ;) {
    try {
      for await (const result of client.results(id, { after, follow: true })) {
        patience.good();
        attempt = 0;
        yield { result, before: after };
        after = result.cursor;
      }
      // Only an answer that began after the batch had finished has all of it for certain.
      if (finished) return;
      finished = isFinished(await client.batch(id));
      if (!finished) await patience.pause(POLL_INTERVAL_MS);
    } catch (error) {
      await patience.bear(error, attempt++);
    }
  }
}
