import { Command } from 'commander';
import { Progress } from '../progress.js';
import { BatchClient } from './batch-client.js';
import { followBatch } from './follow-batch.js';
import { interruptible } from './interruption.js';
import { Report } from './report.js';
import { RetryPolicy } from './retry-policy.js';
import { addServerFlag, serverOf, type ServerFlags } from './server-flag.js';

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
  const progress = new Progress({ bar: !json });
  const report = new Report(json, progress);
  const work = async (signal: AbortSignal): Promise<void> => {
    const onOutage = ({ message }: Error) => progress.say(`${message} Trying again.`);
    const policy = new RetryPolicy({ limitMs: FOLLOW_OUTAGE_MS, signal, onOutage });
    const client = new BatchClient(server, signal);
    // A server that does not answer the first request is more likely misspelt than down.
    await client.batch(id);
    const ended = await followBatch(client, id, {
      policy,
      onBatch: (batch) => report.batch(batch),
      onLine: (line) => report.finished(line),
    });
    report.end(ended);
  };
  try {
    await interruptible(work, () => {
      progress.end();
      progress.say('the batch continues; the same command follows it again');
    });
  } finally {
    progress.end();
  }
}
