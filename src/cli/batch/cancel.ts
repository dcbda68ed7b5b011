import { Command } from 'commander';
import { BatchClient } from './batch-client.js';
import { interruptible } from './interruption.js';
import { addServerFlag, serverOf, type ServerFlags } from './server-flag.js';

/** `cairn batch cancel`: what has not begun does not begin; what is completed stays. */
export function cancelCommand(): Command {
  return addServerFlag(new Command('cancel'))
    .description('cancel what a batch has left to do')
    .argument('<id>', 'the batch')
    .action((id: string, flags: ServerFlags) =>
      interruptible(
        (signal) => new BatchClient(serverOf(flags), signal).cancel(id),
        () => undefined,
      ),
    );
}
