import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { listPublished, publishedPath } from '../backbone/weights/published.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { formatTable, megabytes, print } from './output.js';
import { inspectCommand } from './weights-inspect.js';
import { pullCommand } from './weights-pull.js';

/** `cairn weights`: the files that hold the parameters of models. */
export function weightsCommand(): Command {
  return new Command('weights')
    .description('list, download and inspect weights files')
    .addCommand(listCommand())
    .addCommand(pullCommand())
    .addCommand(inspectCommand());
}

/** `cairn weights list`: the files that `cairn weights pull` can download. */
function listCommand(): Command {
  return new Command('list')
    .description('list the published weights that can be pulled')
    .option('--json', 'print JSON, with all columns')
    .action(listWeights);
}

function listWeights(flags: { readonly json?: boolean }): void {
  const { weightsDir } = loadConfig(readEnv());
  const entries = listPublished().map((entry) => ({ ...entry, present: existsSync(publishedPath(entry, weightsDir)) }));
  const rows = entries.map(({ name, model, bytes, digest, licence, source, preprocessing, present }) => {
    const size = bytes === undefined ? 'unknown' : megabytes(bytes);
    return [name, model, size, digest ?? 'stated by the hub', licence, source, preprocessing, present ? 'yes' : 'no'];
  });
  const head = ['name', 'model', 'size', 'digest', 'licence', 'source', 'preprocessing', 'present'];
  const optional = ['source', 'MD5', 'preprocessing', 'model'];
  print(entries, flags, () => formatTable(head, rows, { optional }));
}
