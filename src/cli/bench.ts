import { Command } from 'commander';
import { Backbone, type SessionRequest } from '../backbone/backbone.js';
import { withBackboneLevels } from '../spec/feature-spec.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { addEngineFlags, engineOptions, parseCount, type EngineFlags } from './engine-flags.js';
import { addFeatureFlags, specFromFlags, type FeatureFlags } from './feature-flags.js';
import { RunningStatistics } from './running-statistics.js';
import { warnOfSeededWeights } from './seeded-notice.js';

interface Flags extends FeatureFlags, EngineFlags {
  readonly batch: string;
  readonly steps: string;
  readonly burnIn: string;
  readonly includeTop?: boolean;
  readonly json?: boolean;
}

/** Steps between two lines of progress. */
const REPORT_EVERY = 10;

/** `cairn bench`: how long a forward pass takes, in the terms of the timing harnesses of published networks. */
export function benchCommand(): Command {
  return addEngineFlags(addFeatureFlags(new Command('bench')))
    .description('time the forward pass of a model on batches of random pixels')
    .option('--batch <count>', 'images in a batch', '1')
    .option('--steps <count>', 'batches that are counted', '100')
    .option('--burn-in <count>', 'batches that run first and are not counted', '10')
    .option('--include-top', 'run the classifier too, and return its output instead of levels')
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
    const statistics = new RunningStatistics();
    const durations: number[] = [];
    for (let step = -burnIn; step < steps; step++) {
      // A run takes its pixels away; the copy is not part of it.
      const images = pixels.slice();
      const begun = performance.now();
      await backbone.runBatch(request, images, batch);
      const seconds = (performance.now() - begun) / 1000;
      if (step < 0) continue;
      durations.push(seconds);
      statistics.add(seconds);
      if ((step + 1) % REPORT_EVERY === 0 && step + 1 < steps) {
        say(`${new Date().toISOString()} ${show(statistics)} (last ${seconds.toFixed(3)})`);
      }
    }
    say(`${new Date().toISOString()} ${show(statistics)}; ${(batch / statistics.mean).toFixed(2)} images/s`);
    if (flags.json) {
      const { count, mean, deviation } = statistics;
      console.log(JSON.stringify({ ...what, engine, device, steps: count, burnIn, mean, deviation, durations }));
    }
  } finally {
    await backbone.close();
  }
}

function show({ count, mean, deviation }: RunningStatistics): string {
  return `Forward across ${count} steps, ${mean.toFixed(3)} ± ${deviation.toFixed(3)} s/batch`;
}

/** Noise: no value is special, and no two channels are alike. */
function randomPixels(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => Math.imul(i + 1, 0x9e3779b9) >>> 24);
}
