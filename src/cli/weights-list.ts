import { access } from 'node:fs/promises';
import { Command } from 'commander';
import { listPublished, publishedPath } from '../backbone/weights/published.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { formatTable, megabytes } from './output.js';

/** `cairn weights list`: the files that `cairn weights pull` can download. */
export function listCommand(): Command {
  return new Command('list')
    .description('list the published weights that can be pulled')
    .option('--json', 'print JSON, with all columns')
    .action(listWeights);
}

async function listWeights(flags: { readonly json?: boolean }): Promise<void> {
  const { weightsDir } = loadConfig(readEnv());
  const entries = await Promise.all(
    listPublished().map(async (entry) => ({ ...entry, present: await exists(publishedPath(entry, weightsDir)) })),
  );
  if (flags.json) {
    console.log(JSON.stringify(entries, null, 2));
    return;
  }
  const rows = entries.map(({ name, model, bytes, md5, licence, source, preprocessing, present }) => {
    const size = bytes === undefined ? 'unknown' : megabytes(bytes);
    return [name, model, size, md5, licence, source, preprocessing, present ? 'yes' : 'no'];
  });
  const head = ['name', 'model', 'size', 'MD5', 'licence', 'source', 'preprocessing', 'present'];
  console.log(formatTable(head, rows, { optional: ['source', 'MD5', 'preprocessing', 'model'] }));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
