import { Command, Option } from 'commander';
import { BatchClient } from './batch-client.js';
import { interruptible } from './interruption.js';
import { addServerFlag, serverOf, type ServerFlags } from './server-flag.js';

interface Flags extends ServerFlags {
  readonly state?: string;
  readonly after?: string;
}

/** `cairn batch results`: what became of the lines that have finished. */
export function resultsCommand(): Command {
  return addServerFlag(new Command('results'))
    .description('print the results of a batch so far, a line of JSON each')
    .argument('<id>', 'the batch')
    .addOption(new Option('--state <state>', 'only these').choices(['completed', 'failed', 'cancelled']))
    .option('--after <cursor>', 'only those after the one with this cursor')
    .action((id: string, flags: Flags) =>
      interruptible(
        (signal) => results(id, flags, signal),
        () => undefined,
      ),
    );
}

async function results(id: string, { state, after, ...flags }: Flags, signal: AbortSignal): Promise<void> {
  const client = new BatchClient(serverOf(flags), signal);
  for await (const result of client.results(id, { state, after })) console.log(JSON.stringify(result));
}
