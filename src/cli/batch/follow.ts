import { Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cairn, Batch, BatchResult } from '../../client/index.js';
import { asCairnError } from '../../errors.js';
import { addServerFlag, type ServerFlags } from '../flags.js';
import { cairnAt } from './cairn-at.js';
import type { FeatureFiles } from './feature-files.js';
import { withReport, type FinishedLine, type Report } from './report.js';

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
  const work = async (report: Report, signal: AbortSignal): Promise<void> => {
    // A server that does not answer the first request is more likely misspelt than down.
    await cairnAt(flags, { signal, retry: { limitMs: 0 } }).batches.get(id);
    const client = cairnAt(flags, { signal, retry: { limitMs: FOLLOW_OUTAGE_MS, onOutage: report.outage } });
    report.end(await followBatch(client, id, { report }));
  };
  await withReport(json, work, () => 'the batch continues; the same command follows it again');
}

const POLL_INTERVAL_MS = 1000;

export interface FollowOptions {
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
export async function followBatch(client: Cairn, id: string, { files, report }: FollowOptions): Promise<Batch> {
  const over = new AbortController();
  const poll = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const batch = await client.batches.get(id);
      report.batch(batch);
      if (batch.state !== 'running') return;
      await sleep(POLL_INTERVAL_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  };
  const read = async (): Promise<void> => {
    let before: string | undefined;
    for await (const result of client.batches.results(id)) {
      report.finished(files && result.state === 'completed' ? await withFile(files, result, before) : result);
      before = result.cursor;
    }
    over.abort();
  };
  try {
    await Promise.all([poll(), read()]);
  } finally {
    over.abort();
    await files?.close();
  }
  return client.batches.get(id);
}

/** Features that the server has lost fail their line; a disk error ends the command. */
async function withFile(files: FeatureFiles, result: BatchResult, before: string | undefined): Promise<FinishedLine> {
  try {
    return { ...result, path: await files.fetchMissing(result, before) };
  } catch (thrown) {
    const { code, message } = asCairnError(thrown);
    if (code !== 'features-not-found') throw thrown;
    return { ...result, state: 'failed', error: { code, message } };
  }
}
