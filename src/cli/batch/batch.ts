import { Command, Option } from 'commander';
import { duration } from '../output.js';
import { BatchClient } from './batch-client.js';
import { followCommand } from './follow.js';
import { interruptible } from './interruption.js';
import { addServerFlag, serverOf, type ServerFlags } from './server-flag.js';
import { submitCommand } from './submit.js';

/** `cairn batch`: many images, computed by a server. */
export function batchCommand(): Command {
  return new Command('batch')
    .description('submit many images to a server and follow their progress')
    .addCommand(submitCommand())
    .addCommand(statusCommand())
    .addCommand(followCommand())
    .addCommand(resultsCommand())
    .addCommand(cancelCommand());
}

interface StatusFlags extends ServerFlags {
  readonly json?: boolean;
}

function statusCommand(): Command {
  return addServerFlag(new Command('status'))
    .description('print the progress of a batch')
    .argument('<id>', 'the batch')
    .option('--json', 'print JSON')
    .action((id: string, flags: StatusFlags) => interruptible((signal) => printStatus(id, flags, signal)));
}

async function printStatus(id: string, { json, ...flags }: StatusFlags, signal: AbortSignal): Promise<void> {
  const batch = await new BatchClient(serverOf(flags), signal).batch(id);
  if (json) {
    console.log(JSON.stringify(batch));
    return;
  }
  const { state, total, counts, rejected, rate, etaSeconds } = batch;
  const { completed, queued, active, failed, cancelled } = counts;
  console.log(`${state}: ${completed} of ${total} completed`);
  console.log(
    `${queued} queued, ${active} active, ${failed} failed (${rejected.count} rejected), ${cancelled} cancelled`,
  );
  if (state === 'running') console.log(`${rate.toFixed(2)} sets/s, ${duration(etaSeconds)} left`);
}

interface ResultsFlags extends ServerFlags {
  readonly state?: string;
  readonly after?: string;
}

function resultsCommand(): Command {
  return addServerFlag(new Command('results'))
    .description('print the results of a batch so far, one line of JSON per result')
    .argument('<id>', 'the batch')
    .addOption(
      new Option('--state <state>', 'only results in this state').choices(['completed', 'failed', 'cancelled']),
    )
    .option('--after <cursor>', 'only results after the one with this cursor')
    .action((id: string, flags: ResultsFlags) => interruptible((signal) => printResults(id, flags, signal)));
}

async function printResults(id: string, { state, after, ...flags }: ResultsFlags, signal: AbortSignal): Promise<void> {
  const client = new BatchClient(serverOf(flags), signal);
  for await (const result of client.results(id, { state, after })) console.log(JSON.stringify(result));
}

function cancelCommand(): Command {
  return addServerFlag(new Command('cancel'))
    .description('cancel the unfinished lines of a batch; completed ones are kept')
    .argument('<id>', 'the batch')
    .action((id: string, flags: ServerFlags) =>
      interruptible((signal) => new BatchClient(serverOf(flags), signal).cancel(id)),
    );
}
