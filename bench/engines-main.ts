/**
 * Every engine and device that this machine has proven, run by run in turn, and beside them the
 * machine's own peak.
 *
 *     npm run bench -- engines [--models mask-rcnn-resnet50,mask-rcnn-resnet101] [--runs 10] [--size 1024]
 *                              [--targets onnx/cpu,tensorflow/cpu] [--rss-runs 100] [--rss-size 512] [--json]
 *
 * A run is what a session does: uint8 pixels in, float16 NHWC levels C2–C5 out.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Session } from '../src/backbone/engine/engine.js';
import { createEngine, ENGINE_NAMES } from '../src/backbone/engine/engines.js';
import { proveDevice } from '../src/backbone/engine/prove-device.js';
import { summarize } from '../src/backbone/graph/summary.js';
import { findModel, modelGraph } from '../src/backbone/models.js';
import { loadWeights } from '../src/backbone/weights/weights.js';
import { formatTable } from '../src/cli/table.js';
import { measurePeak } from './peak.js';
import { median } from './statistics.js';

const OUTPUTS = ['C2', 'C3', 'C4', 'C5'] as const;
const THREADS = availableParallelism();

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

interface Target {
  readonly engine: string;
  readonly device: string;
}

async function provenTargets(): Promise<Target[]> {
  if (flags.targets) {
    return flags.targets.split(',').map((text) => {
      const [engine, device] = text.split('/') as [string, string];
      return { engine, device };
    });
  }
  const targets: Target[] = [];
  for (const engine of ENGINE_NAMES) {
    for (const { name: device, missing } of (await createEngine(engine)).devices()) {
      const proof = missing ? { proven: false, reason: missing } : await proveDevice(engine, device);
      if (proof.proven) targets.push({ engine, device });
      else console.error(`left out: ${engine}/${device}: ${(proof as { reason: string }).reason}`);
    }
  }
  return targets;
}

async function compile({ engine, device }: Target, model: string, size: number): Promise<Session> {
  const graph = modelGraph(findModel(model), true);
  const options = { outputs: OUTPUTS, dtype: 'float16', size, device, threads: THREADS } as const;
  return (await createEngine(engine)).compile(graph, await loadWeights('seeded', graph), options);
}

function randomPixels(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => Math.imul(i + 1, 0x9e3779b9) >>> 24);
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

interface Row {
  readonly model: string;
  readonly target: string;
  readonly medianMs: number;
  readonly imagesPerSecond: number;
  readonly gflops: number;
  readonly shareOfPeak: number;
  /** Median over the first target's median. */
  readonly ratio: number;
}

async function compare(model: string, targets: readonly Target[], size: number, runs: number) {
  const pixels = randomPixels(size);
  const sessions = await Promise.all(targets.map((target) => compile(target, model, size)));
  const times = targets.map((): number[] => []);
  const peaks: number[] = [];
  for (let round = -1; round < runs; round++) {
    peaks.push(await measurePeak(THREADS));
    for (const [index, session] of sessions.entries()) {
      const ms = await time(() => session.run(pixels, 1));
      if (round >= 0) times[index]!.push(ms); // the first run of each allocates
    }
  }
  for (const session of sessions) await session.dispose();
  const peak = Math.max(...peaks);
  const { macs } = summarize(modelGraph(findModel(model), true), size);
  const rows = targets.map(({ engine, device }, index): Row => {
    const medianMs = median(times[index]!);
    const gflops = (2 * macs) / medianMs / 1e6;
    return {
      model,
      target: `${engine}/${device}`,
      medianMs,
      imagesPerSecond: 1000 / medianMs,
      gflops,
      shareOfPeak: gflops / peak,
      ratio: medianMs / median(times[0]!),
    };
  });
  return { rows, peak };
}

/** Memory after 20 runs and after all of them, in a process of its own for each target. */
async function measureRss(runs: number): Promise<void> {
  const { engine, device } = (await provenTargets())[0]!;
  const size = Number(flags['rss-size']);
  const session = await compile({ engine, device }, 'mask-rcnn-resnet50', size);
  const pixels = randomPixels(size);
  const rss: Record<number, number> = {};
  for (let run = 1; run <= runs; run++) {
    await session.run(pixels, 1);
    if (run === 20 || run === runs) rss[run] = Math.round(process.memoryUsage.rss() / 2 ** 20);
  }
  console.log(JSON.stringify({ target: `${engine}/${device}`, size, rssMb: rss }));
}

async function main(): Promise<void> {
  const [runs, size, rssRuns] = [Number(flags.runs), Number(flags.size), Number(flags['rss-runs'])];
  const targets = await provenTargets();
  const results = [];
  if (runs > 0) for (const model of flags.models.split(',')) results.push(await compare(model, targets, size, runs));
  if (flags.json) console.log(JSON.stringify({ node: process.version, threads: THREADS, size, runs, results }));
  for (const { rows, peak } of flags.json ? [] : results) {
    const cells = rows.map((row) => [
      row.target,
      row.medianMs.toFixed(0),
      row.imagesPerSecond.toFixed(3),
      row.gflops.toFixed(0),
      `${(100 * row.shareOfPeak).toFixed(0)} %`,
      row.ratio.toFixed(2),
    ]);
    const head = ['target', 'median ms', 'images/s', 'GFLOP/s', 'of peak', 'ratio'];
    console.log(
      `${rows[0]!.model} at ${size}², batch 1, ${runs} runs each in turn; measured fp32 peak ${peak.toFixed(0)} GFLOP/s`,
    );
    console.log(`${formatTable(head, cells)}\n`);
  }
  if (rssRuns > 0) {
    for (const { engine, device } of targets) {
      const self = fileURLToPath(new URL('./main.js', import.meta.url));
      const args = [
        'engines',
        '--targets',
        `${engine}/${device}`,
        `--rss-runs=-${rssRuns}`,
        '--rss-size',
        flags['rss-size'],
      ];
      const { stdout } = spawnSync(process.execPath, [self, ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
        encoding: 'utf8',
      });
      console.log(`RSS ${stdout.trim()}`);
    }
  }
}

await (Number(flags['rss-runs']) < 0 ? measureRss(-Number(flags['rss-runs'])) : main());
