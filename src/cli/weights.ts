import { Command } from 'commander';
import { inspectCommand } from './weights-inspect.js';
import { listCommand } from './weights-list.js';
import { pullCommand } from './weights-pull.js';

/** `cairn weights`: the files that hold the parameters of models. */
export function weightsCommand(): Command {
  return new Command('weights')
    .description('list, download and inspect weights files')
    .addCommand(listCommand())
    .addCommand(pullCommand())
    .addCommand(inspectCommand());
}
