import { Command } from 'commander';
import { BatchClient } from './batch-client.js';
import { interruptible } from './interruption.js';
import { duration } from './progress.js';
import { addServerFlag, serverOf, type ServerFlags } from './server-flag.js';

interface Flags extends ServerFlags {
  readonly json?: boolean;
}

/** `cairn batch status`: how far a batch is. */
export function statusCommand(): Command {
  return addServerFlag(new Command('status'))
    .description('tell how far a batch is')
    .argument('<id>', 'the batch')
    .option('--json', 'print JSON')
    .action((id: string, flags: Flags) =>
      interruptible(
        (signal) => status(id, flags, signal),
        () => undefined,
      ),
    );
}

async function status(id: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const batch = await new BatchClient(serverOf(flags), signal).batch(id);
  if (flags.json) {
    console.log(JSON.stringify(batch));
    return;
  }
  const { state, total, counts, rejected, rate, etaSeconds } = batch;
  console.log(`${state}: ${counts.completed} of ${total} completed`);
  const { queued, active, failed, cancelled } = counts;
  console.log(
    `${queued} queued, ${active} active, ${failed} failed (${rejected.count} rejected), ${cancelled} cancelled`,
  );
  if (state === 'running') console.log(`${rate?.toFixed(2) ?? '–'} sets/s, ${duration(etaSeconds)} left`);
}
