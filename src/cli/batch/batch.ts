import { Command } from 'commander';
import { cancelCommand } from './cancel.js';
import { followCommand } from './follow.js';
import { resultsCommand } from './results.js';
import { statusCommand } from './status.js';
import { submitCommand } from './submit.js';

/** `cairn batch`: many images, computed by a server. */
export function batchCommand(): Command {
  const batch = new Command('batch')
    .description('submit many images to a server and follow them')
    .addCommand(submitCommand())
    .addCommand(statusCommand())
    .addCommand(followCommand())
    .addCommand(resultsCommand())
    .addCommand(cancelCommand());
  // A wrong call of a subcommand ends with the status of a wrong call as well.
  for (const command of batch.commands) command.exitOverride();
  return batch;
}
