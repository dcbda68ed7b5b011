/**
 * Every engine and device that this machine has proven, run by run in turn, and beside them the
 * processor's own peak; then the memory of each after many runs, in a process of its own.
 *
 *     npm run bench -- engines [--models mask-rcnn-resnet50,mask-rcnn-resnet101] [--runs 10] [--size 1024]
 *                              [--targets onnx/cpu,tensorflow/cpu] [--rss-runs 100] [--rss-size 512] [--json]
 *
 * The ratio is to the first target.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatTable } from '../src/cli/output.js';
import { compare, provenTargets, type Comparison } from './engines.js';
import { progress } from './progress.js';
import type { Memory } from './engine-memory.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: 'string', default: 'mask-rcnn-resnet50,mask-rcnn-resnet101' },
    targets: { type: 'string' },
    runs: { type: 'string', default: '10' },
    size: { type: 'string', default: '1024' },
    'rss-runs': { type: 'string', default: '0' },
    'rss-size': { type: 'string', default: '512' },
    json: { type: 'boolean', default: false },
  },
});
const [runs, size, rssRuns] = [Number(flags.runs), Number(flags.size), Number(flags['rss-runs'])];
const threads = availableParallelism();

function measureMemory(target: string): Memory {
  progress(`${target}: memory over ${rssRuns} runs`);
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const options = ['--target', target, '--runs', flags['rss-runs'], '--size', flags['rss-size']];
  const output = execFileSync(process.execPath, [main, 'engine-memory', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  return JSON.parse(output) as Memory;
}

function print({ model, rows, peak }: Comparison): void {
  const cells = rows.map((row) => [
    row.target,
    Math.round(row.medianMs),
    row.imagesPerSecond.toFixed(2),
    Math.round(row.gflops),
    `${(100 * row.shareOfPeak).toFixed(0)} %`,
    row.ratio.toFixed(2),
  ]);
  const head = ['target', 'median ms', 'images/s', 'GFLOP/s', 'of peak', 'ratio'];
  console.log(`${model} at ${size} × ${size}, batch 1, ${runs} runs each in turn; peak ${Math.round(peak)} GFLOP/s`);
  console.log(`${formatTable(head, cells)}\n`);
}

progress('finding the engines and devices that work');
const targets = flags.targets?.split(',') ?? (await provenTargets());
const comparisons: Comparison[] = [];
for (const model of runs > 0 ? flags.models.split(',') : []) {
  progress(`${model}: ${runs} runs on each of ${targets.join(', ')}`);
  comparisons.push(await compare(model, targets, size, runs, threads));
  if (!flags.json) print(comparisons.at(-1)!);
}
const memory = rssRuns > 0 ? targets.map(measureMemory) : [];
if (flags.json) {
  console.log(JSON.stringify({ node: process.version, threads, size, runs, comparisons, memory }, null, 2));
} else if (memory.length > 0) {
  console.log(
    `Memory at ${flags['rss-size']} × ${flags['rss-size']} after ${Math.ceil(rssRuns / 5)} runs and after ${rssRuns}`,
  );
  const cells = memory.map(({ target, earlyMb, lateMb }) => [target, earlyMb, lateMb]);
  console.log(formatTable(['target', 'MB early', 'MB late'], cells));
}
