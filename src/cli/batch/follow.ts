import { Command } from 'commander';
import { addServerFlag, serverOf, type ServerFlags } from '../flags.js';
import { BatchClient } from './batch-client.js';
import { followBatch } from './follow-batch.js';
import { withReport, type Report } from './report.js';
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
    const client = new BatchClient(server, signal);
    // A server that does not answer the first request is more likely misspelt than down.
    await client.batch(id);
    report.end(await followBatch(client, id, { policy, report }));
  };
  await withReport(json, work, () => 'the batch continues; the same command follows it again');
}
