import { Command } from 'commander';
import { inspectCommand } from './weights-inspect.js';
import { listCommand } from './weights-list.js';
import { pullCommand } from './weights-pull.js';

/** `cairn weights`: the files that hold the parameters of models. */
export function weightsCommand(): Command {
  const weights = new Command('weights')
    .description('list, download and look into weights files')
    .addCommand(listCommand())
    .addCommand(pullCommand())
    .addCommand(inspectCommand());
  // A wrong call of a subcommand ends with the status of a wrong call as well.
  for (const command of weights.commands) command.exitOverride();
  return weights;
}
