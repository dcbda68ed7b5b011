import cliProgress from 'cli-progress';
import { Command } from 'commander';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { downloadWeights } from '../backbone/weights/download.js';
import { findPublished, publishedPath } from '../backbone/weights/published.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';

/** Where no bar can be drawn, a line is written this often, in milliseconds. */
const LINE_INTERVAL_MS = 10_000;

interface Flags {
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `cairn weights pull`: a published file into the weights folder. */
export function pullCommand(): Command {
  return new Command('pull')
    .description('download published weights into CAIRN_WEIGHTS_DIR and check them')
    .argument('<name>', 'a name of `cairn weights list`')
    .option('--force', 'replace a file of that name that is another one')
    .option('--json', 'print JSON')
    .action(pullWeights);
}

async function pullWeights(name: string, { force, json = false }: Flags): Promise<void> {
  const { weightsDir, weightsMirror: mirror } = loadConfig(readEnv());
  const entry = findPublished(name);
  const path = publishedPath(entry, weightsDir);
  const stop = new AbortController();
  // What has arrived is put aside before the process ends; a second signal ends it at once.
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, () => stop.abort());
  const progress = new Progress(entry.name);
  let received: number;
  try {
    const onProgress = (bytes: number, total?: number) => progress.show(bytes, total);
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
  if (received === 0) console.error(`cairn: ${name} was there already`);
  console.log(path);
  console.log(used === path ? `${model} will use it` : `${model} uses ${used}, which comes before it`);
}

/** A bar on a terminal, else a line on stderr now and then; nothing where nothing is downloaded. */
class Progress {
  private bar: cliProgress.SingleBar | undefined;
  private lastLine = 0;

  constructor(private readonly name: string) {}

  show(bytes: number, total: number | undefined): void {
    // A bar without an end would only ever stand at its end.
    if (process.stderr.isTTY && total !== undefined) this.draw(bytes, total);
    else this.write(bytes, total);
  }

  end(): void {
    this.bar?.stop();
  }

  private draw(bytes: number, total: number): void {
    if (!this.bar) {
      const format = `${this.name} {bar} {percentage} % of {size}, {eta_formatted} left`;
      this.bar = new cliProgress.SingleBar(
        { format, stream: process.stderr, hideCursor: true },
        cliProgress.Presets.shades_classic,
      );
      this.bar.start(total, bytes, { size: megabytes(total) });
    }
    this.bar.update(bytes);
  }

  private write(bytes: number, total: number | undefined): void {
    const now = performance.now();
    if (this.lastLine !== 0 && now - this.lastLine < LINE_INTERVAL_MS) return;
    this.lastLine = now;
    console.error(`cairn: ${this.name}: ${megabytes(bytes)}${total === undefined ? '' : ` of ${megabytes(total)}`}`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
