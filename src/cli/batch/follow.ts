import { Command } from 'commander';
import { BatchClient } from './batch-client.js';
import { followBatch } from './follow-batch.js';
import { interruptible } from './interruption.js';
import { Patience } from './patience.js';
import { Progress } from './progress.js';
import { Report } from './report.js';
import { addServerFlag, serverOf, type ServerFlags } from './server-flag.js';

/** How long a server may be away, in milliseconds. */
const PATIENCE_MS = 15 * 60_000;

interface Flags extends ServerFlags {
  readonly json?: boolean;
}

/** `cairn batch follow`: waits for the end of a batch. */
export function followCommand(): Command {
  return addServerFlag(new Command('follow'))
    .description('wait for the end of a batch, with a progress bar; the status is 1 if anything failed')
    .argument('<id>', 'the batch')
    .option('--json', 'one line of JSON per finished line on stdout, then a summary, and nothing else there')
    .action(follow);
}

async function follow(id: string, flags: Flags): Promise<void> {
  const server = serverOf(flags);
  const progress = new Progress(!flags.json);
  const report = new Report(flags.json ?? false, progress);
  const work = async (signal: AbortSignal): Promise<void> => {
    const onAway = ({ message }: Error) => progress.say(`${message} Trying again.`);
    const patience = new Patience({ limitMs: PATIENCE_MS, signal, onAway });
    const client = new BatchClient(server, signal);
    // A server that is not there at the beginning is more likely misspelt than away.
    await client.batch(id);
    const ended = await followBatch(client, id, {
      patience,
      onBatch: (batch) => report.batch(batch),
      onLine: (line) => report.finished(line, line.line),
    });
    report.end(ended);
  };
  try {
    await interruptible(work, () => {
      progress.end();
      progress.say('the batch goes on; the same command follows it again');
    });
  } finally {
    progress.end();
  }
}
