import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { downloadWeights } from '../backbone/weights/download.js';
import { findPublished, listPublished, publishedPath } from '../backbone/weights/published.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { formatTable, megabytes, print } from './output.js';
import { Progress } from './progress.js';
import { inspectCommand } from './weights-inspect.js';

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
  const rows = entries.map(({ name, model, bytes, md5, licence, source, preprocessing, present }) => {
    const size = bytes === undefined ? 'unknown' : megabytes(bytes);
    return [name, model, size, md5, licence, source, preprocessing, present ? 'yes' : 'no'];
  });
  const head = ['name', 'model', 'size', 'MD5', 'licence', 'source', 'preprocessing', 'present'];
  const optional = ['source', 'MD5', 'preprocessing', 'model'];
  print(entries, flags, () => formatTable(head, rows, { optional }));
}

interface PullFlags {
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `cairn weights pull`: downloads a published file into the weights folder. */
function pullCommand(): Command {
  return new Command('pull')
    .description('download published weights into CAIRN_WEIGHTS_DIR and verify them')
    .argument('<name>', 'a name from `cairn weights list`')
    .option('--force', 'replace a different file of that name')
    .option('--json', 'print JSON')
    .action(pullWeights);
}

async function pullWeights(name: string, { force, json = false }: PullFlags): Promise<void> {
  const { weightsDir, weightsMirror: mirror } = loadConfig(readEnv());
  const entry = findPublished(name);
  const path = publishedPath(entry, weightsDir);
  const stop = new AbortController();
  // The partial download is kept before the process ends; a second signal ends it at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const progress = new Progress({ firstLineMs: 0 });
  let received: number;
  try {
    const onProgress = (value: number, total?: number) => {
      const text = `${name}: ${megabytes(value)}${total === undefined ? '' : ` of ${megabytes(total)}`}`;
      progress.show({ value, total, text, eta: true });
    };
    received = await downloadWeights(entry, path, { mirror, force, signal: stop.signal, onProgress });
  } finally {
    progress.end();
  }

  const { model, md5, licence } = entry;
  const used = await defaultWeights(model, weightsDir);
  if (json) {
    console.log(JSON.stringify({ name, path, model, md5, licence, received, usedByDefault: used === path }));
    return;
  }
  if (received === 0) console.error(`cairn: ${name} is already there`);
  console.log(path);
  console.log(used === path ? `${model} will use it` : `${model} uses ${used}, which takes precedence`);
}
