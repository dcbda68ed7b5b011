/**
 * Sessions that compute in 8-bit integers against those in float32, run by run in turn.
 *
 *     npm run bench -- int8 [--models mask-rcnn-resnet50,mask-rcnn-resnet101] [--rounds 12] [--size 1024] [--json]
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { findCalibration, loadCalibration } from '../src/backbone/calibration/find-calibration.js';
import { hasIntegerDotProduct } from '../src/backbone/engine/dot-product.js';
import { findModel, graphFor } from '../src/backbone/catalogue.js';
import type { CompileOptions, Session } from '../src/backbone/engine/engine.js';
import { OnnxEngine } from '../src/backbone/engine/onnx/onnx-engine.js';
import { loadWeights } from '../src/backbone/weights/weights.js';
import { randomPixels } from '../src/cli/bench.js';
import { loadConfig } from '../src/config/config.js';
import { readEnv } from '../src/config/env.js';
import { parseSpec, withBackboneLevels } from '../src/spec/feature-spec.js';
import { progress } from './progress.js';
import { time } from './session.js';
import { median, ratios } from './statistics.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: 'string', default: 'mask-rcnn-resnet50,mask-rcnn-resnet101' },
    rounds: { type: 'string', default: '12' },
    size: { type: 'string', default: '1024' },
    json: { type: 'boolean', default: false },
  },
});
const threads = availableParallelism();
const dotProduct = await hasIntegerDotProduct();

/** What is compared; each is divided by the first. */
const VARIANTS = {
  'float32, float16 levels': { precision: 'float32', dtype: 'float16' },
  'float32, float32 levels': { precision: 'float32', dtype: 'float32' },
  'int8, float16 levels': { precision: 'int8', dtype: 'float16' },
  'int8, uint8 levels': { precision: 'int8', dtype: 'uint8' },
  'int8, uint8 planes': { precision: 'int8', dtype: 'uint8', layout: 'nchw' },
} as const satisfies Record<string, Partial<CompileOptions>>;

const results = [];
for (const name of flags.models.split(',')) results.push(await compare(name));
if (flags.json) console.log(JSON.stringify({ threads, dotProduct, results }));
else results.forEach(print);

async function compare(name: string) {
  const spec = withBackboneLevels(parseSpec({ model: name, size: flags.size }));
  const graph = graphFor(findModel(spec.model), spec.stage5, spec.levels);
  const weights = await loadWeights('seeded', graph);
  const path = findCalibration({ ...spec, precision: 'int8' }, 'seeded', loadConfig(readEnv()).weightsDir)!;
  const { ranges } = await loadCalibration(path, weights.digest);
  const sessions: Session[] = [];
  for (const variant of Object.values(VARIANTS)) {
    const options = { ...spec, ...variant, outputs: spec.levels, device: 'cpu', threads, ranges };
    sessions.push(await new OnnxEngine().compile(graph, weights, options));
  }
  const pixels = randomPixels(spec.size ** 2 * 3);
  const ms: number[][] = sessions.map(() => []);
  const rounds = Number(flags.rounds);
  // The first run of each allocates.
  for (let round = -1; round < rounds; round++) {
    progress(`${name}: ${round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`}`);
    for (const [i, session] of sessions.entries()) {
      const duration = await time(() => session.run(pixels, 1));
      if (round >= 0) ms[i]!.push(duration);
    }
  }
  for (const session of sessions) await session.dispose();
  const variants = Object.keys(VARIANTS).map((variant, i) => {
    return { variant, ms: median(ms[i]!), ratio: median(ratios(ms[i]!, ms[0]!)) };
  });
  return { model: name, size: spec.size, variants };
}

function print({ model, size, variants }: Awaited<ReturnType<typeof compare>>): void {
  console.log(`${model} at ${size}², ${threads} threads${dotProduct ? '' : ', no integer dot product known'}`);
  for (const { variant, ms, ratio } of variants) {
    console.log(`  ${variant.padEnd(24)} ${ms.toFixed(0).padStart(6)} ms  ${ratio.toFixed(3)}`);
  }
}
