import { Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchView, ResultView } from '../../batches/view.js';
import { asCairnError } from '../../errors.js';
import { addServerFlag, apiKey, serverOf, type ServerFlags } from '../flags.js';
import { BatchClient } from './batch-client.js';
import type { FeatureFiles } from './feature-files.js';
import { withReport, type FinishedLine, type Report } from './report.js';
import { RetryPolicy } from './retry-policy.js';

/** Longest outage of the server, in milliseconds. */
export const FOLLOW_OUTAGE_MS = 15 * 60_000;

interface Flags extends ServerFlags {
  readonly json?: boolean;
}

/** `cairn batch follow`: waits for the end of a batch. */
export function followCommand(): Command {
  return addServerFlag(new Command('follow'))
    .description('wait for the end of a batch, with a progress bar; the status is 1 if anything failed')
    .argument('<id>', 'the batch')
    .option('--json', 'print one line of JSON per finished line and a summary on stdout, and nothing else there')
    .action(follow);
}

async function follow(id: string, { json = false, ...flags }: Flags): Promise<void> {
  const server = serverOf(flags);
  const work = async (report: Report, signal: AbortSignal): Promise<void> => {
    const policy = new RetryPolicy({ limitMs: FOLLOW_OUTAGE_MS, signal, onOutage: report.outage });
    const client = new BatchClient(server, signal, apiKey());
    // A server that does not answer the first request is more likely misspelt than down.
    await client.batch(id);
    report.end(await followBatch(client, id, { policy, report }));
  };
  await withReport(json, work, () => 'the batch continues; the same command follows it again');
}

const POLL_INTERVAL_MS = 1000;

export interface FollowOptions {
  readonly policy: RetryPolicy;
  /** Where to write the feature sets; by default they are not fetched. */
  readonly files?: FeatureFiles | undefined;
  /** Receives each line once as it finishes, first those that finished before the call. */
  readonly report: Pick<Report, 'batch' | 'finished'>;
}

/**
 * Follows a batch to its end, across restarts of the server.
 *
 * @returns the finished batch.
 * @throws CairnError after a long outage or for an unknown batch, `cancelled`, `store-failed`.
 */
export async function followBatch(client: BatchClient, id: string, options: FollowOptions): Promise<BatchView> {
  const { policy, files, report } = options;
  const over = new AbortController();
  const poll = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const batch = await policy.retry(() => client.batch(id));
      report.batch(batch);
      if (batch.state !== 'running') return;
      await sleep(POLL_INTERVAL_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const read = async (): Promise<void> => {
    for await (const { result, before } of allResults(client, id, policy)) {
      report.finished(files && result.state === 'completed' ? await withFile(files, result, before) : result);
    }
    over.abort();
  };
  try {
    await Promise.all([poll(), read()]);
  } finally {
    over.abort();
    await files?.close();
  }
  return policy.retry(() => client.batch(id));
}

/** Features that the server has lost fail their line; a disk error ends the command. */
async function withFile(files: FeatureFiles, result: ResultView, before: string | undefined): Promise<FinishedLine> {
  try {
    return { ...result, path: await files.fetchMissing(result, before) };
  } catch (thrown) {
    const { code, message } = asCairnError(thrown);
    if (code !== 'features-not-found') throw thrown;
    return { ...result, state: 'failed', error: { code, message } };
  }
}

async function* allResults(
  client: BatchClient,
  id: string,
  policy: RetryPolicy,
): AsyncGenerator<{ result: ResultView; before: string | undefined }> {
  let after: string | undefined;
  let finished = false;
  for (let attempt = 0; ;) {
    try {
      for await (const result of client.results(id, { after, follow: true })) {
        policy.reset();
        attempt = 0;
        yield { result, before: after };
        after = result.cursor;
      }
      // Only a response that began after the batch finished is certain to be complete.
      if (finished) return;
      finished = (await client.batch(id)).state !== 'running';
      if (!finished) await policy.pause(POLL_INTERVAL_MS);
    } catch (error) {
      await policy.backoff(error, attempt++);
    }
  }
}
