import { Command } from 'commander';
import { Backbone, type SessionRequest } from '../backbone/backbone.js';
import { withBackboneLevels } from '../spec/feature-spec.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { addEngineFlags, addFeatureFlags, engineOptions, parseCount, specFromFlags } from './flags.js';
import type { EngineFlags, FeatureFlags } from './flags.js';
import { warnOfSeededWeights } from './output.js';

interface Flags extends FeatureFlags, EngineFlags {
  readonly batch: string;
  readonly steps: string;
  readonly burnIn: string;
  readonly includeTop?: boolean;
  readonly json?: boolean;
}

/** At most one line of progress within this many milliseconds. */
const REPORT_INTERVAL_MS = 1000;

/** `cairn bench`: times the forward pass, reported as the timing harnesses of published networks do. */
export function benchCommand(): Command {
  return addEngineFlags(addFeatureFlags(new Command('bench')))
    .description('time the forward pass of a model on batches of random pixels')
    .option('--batch <count>', 'images per batch', '1')
    .option('--steps <count>', 'batches that count', '100')
    .option('--burn-in <count>', 'batches that run first and do not count', '10')
    .option('--include-top', 'run the classifier too, and return its output instead of the levels')
    .option('--json', 'print one line of JSON with every duration')
    .action(benchModel);
}

async function benchModel(flags: Flags): Promise<void> {
  const config = loadConfig(readEnv());
  const [batch, steps] = [parseCount('batch', flags.batch), parseCount('steps', flags.steps)];
  const burnIn = parseCount('burn-in', flags.burnIn, 0);
  const spec = withBackboneLevels(specFromFlags(flags));
  const weights = flags.weights ?? (await defaultWeights(spec.model, config.weightsDir));
  const request: SessionRequest = flags.includeTop
    ? { ...spec, weights, levels: ['top'], top: { includeTop: true } }
    : { ...spec, weights };
  const backbone = new Backbone(engineOptions(flags));
  try {
    const madeBy = await backbone.load(request);
    warnOfSeededWeights(spec.model, madeBy.weights.source);
    const { engine, device } = madeBy;
    const { model, size, dtype } = spec;
    const what = { model, batch, size, outputs: request.levels, dtype };
    const say = (line: string) => flags.json || console.log(line);
    say(`${model}, ${batch} × ${size}², ${request.levels.join(' ')} ${dtype}, ${engine} on ${device}`);

    const pixels = randomPixels(batch * size ** 2 * 3);
    const durations: number[] = [];
    let reportedAt = -Infinity;
    for (let step = -burnIn; step < steps; step++) {
      // A run detaches its pixels; the copy is not timed.
      const images = pixels.slice();
      const begun = performance.now();
      await backbone.runBatch(request, images, batch);
      const seconds = (performance.now() - begun) / 1000;
      if (step >= 0) durations.push(seconds);
      if (performance.now() - reportedAt < REPORT_INTERVAL_MS || step + 1 === steps) continue;
      reportedAt = performance.now();
      const progress = step < 0 ? `Burn-in step ${step + burnIn + 1} of ${burnIn}` : show(durations);
      say(`${new Date().toISOString()} ${progress} (last ${seconds.toFixed(3)})`);
    }
    say(
      `${new Date().toISOString()} ${show(durations)}; ${(batch / statisticsOf(durations).mean).toFixed(2)} images/s`,
    );
    if (flags.json) {
      console.log(JSON.stringify({ ...what, engine, device, steps, burnIn, ...statisticsOf(durations), durations }));
    }
  } finally {
    await backbone.close();
  }
}

/** Mean and standard deviation of the population. */
function statisticsOf(values: readonly number[]): { mean: number; deviation: number } {
  const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const mean = meanOf(values);
  return { mean, deviation: Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2))) };
}

function show(durations: readonly number[]): string {
  const { mean, deviation } = statisticsOf(durations);
  return `Forward across ${durations.length} steps, ${mean.toFixed(3)} ± ${deviation.toFixed(3)} s/batch`;
}

/** Noise, different in every channel. */
export function randomPixels(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => Math.imul(i + 1, 0x9e3779b9) >>> 24);
}
