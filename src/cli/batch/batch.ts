import { Command, Option } from 'commander';
import type { Cairn, ResultOptions } from '../../client/index.js';
import { addServerFlag, type ServerFlags } from '../flags.js';
import { duration } from '../output.js';
import { cairnAt } from './cairn-at.js';
import { followCommand } from './follow.js';
import { printableJson } from '../../printable.js';
import { interruptible } from '../interruption.js';
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

/** A person who waits for one answer repeats the command. */
const NO_WAITING = { limitMs: 0 };

/** Of all commands on one batch. */
interface Flags extends ServerFlags, Pick<ResultOptions, 'after' | 'state'> {
  readonly json?: boolean;
}

/** A command on one batch. */
function commandOn(
  name: string,
  description: string,
  run: (client: Cairn, id: string, flags: Flags) => Promise<void>,
): Command {
  return addServerFlag(new Command(name))
    .description(description)
    .argument('<id>', 'the batch')
    .action((id: string, flags: Flags) =>
      interruptible((signal) => run(cairnAt(flags, { signal, retry: NO_WAITING }), id, flags)),
    );
}

function statusCommand(): Command {
  return commandOn('status', 'print the progress of a batch', printStatus).option('--json', 'print JSON');
}

async function printStatus(client: Cairn, id: string, { json }: Flags): Promise<void> {
  const batch = await client.batches.get(id);
  if (json) {
    console.log(printableJson(batch));
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

function resultsCommand(): Command {
  return commandOn('results', 'print the results of a batch so far, one line of JSON per result', printResults)
    .addOption(
      new Option('--state <state>', 'only results in this state').choices(['completed', 'failed', 'cancelled']),
    )
    .option('--after <cursor>', 'only results after the one with this cursor');
}

async function printResults(client: Cairn, id: string, { state, after }: Flags): Promise<void> {
  for await (const result of client.batches.results(id, { state, after, follow: false }))
    console.log(printableJson(result));
}

function cancelCommand(): Command {
  const description = 'cancel the unfinished lines of a batch; completed ones are kept';
  return commandOn('cancel', description, (client, id) => client.batches.cancel(id).then(() => undefined));
}
