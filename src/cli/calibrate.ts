import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { calibrate, type CalibrationResult } from '../backbone/calibration/calibrate.js';
import { hasIntegerDotProduct } from '../backbone/engine/dot-product.js';
import { calibrationPaths } from '../backbone/calibration/find-calibration.js';
import { findModel, modelGraph } from '../backbone/catalogue.js';
import { levelsOf, type LevelName } from '../backbone/graph/graph.js';
import { preprocess } from '../backbone/preprocess/preprocess.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { isSeeded } from '../backbone/weights/weights.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { makeFolder, writeWhole } from '../files/durable.js';
import { holdsPyramid, pyramidOf } from '../spec/default-levels.js';
import { parseSpec } from '../spec/feature-spec.js';
import { parseCount } from './flags.js';
import { expandFolders, readImage } from './images.js';
import { formatTable, print } from './output.js';
import { Progress } from './progress.js';

interface Flags {
  readonly weights?: string;
  readonly levels?: string;
  readonly size: string;
  readonly threads: string;
  readonly out?: string;
  readonly json?: boolean;
}

const NO_DOT_PRODUCT =
  'This processor has no integer dot product (AVX-512 VNNI, AVX-VNNI or Arm DotProd), for which int8 is made: the same features,\n' +
  'but a smaller gain. Measure again on the machine that will run it.';

/** `cairn calibrate`: the ranges by which a network is computed in 8-bit integers. */
export function calibrateCommand(): Command {
  return new Command('calibrate')
    .description('measure the ranges that precision=int8 needs, and what it costs and saves on this machine')
    .argument('<model>', 'a model of `cairn models`')
    .argument('<image...>', 'images, or folders of them: a few dozen that resemble those to come')
    .option('--weights <spec>', 'FILE or seeded[:N] (default: the file in CAIRN_WEIGHTS_DIR, else seeded)')
    .option('--levels <levels>', 'levels to cover (default: all that the weights hold)')
    .option('--size <size>', 'side of the square canvas in pixels', '1024')
    .option('--threads <count>', 'threads per operation', String(availableParallelism()))
    .option('--out <file>', 'file to write (default: beside the weights)')
    .option('--json', 'print the result as JSON')
    .action(calibrateModel);
}

async function calibrateModel(model: string, paths: string[], flags: Flags): Promise<void> {
  const { weightsDir, decode } = loadConfig(readEnv());
  const images = await expandFolders(paths);
  const weights = flags.weights ?? (await defaultWeights(findModel(model).name, weightsDir));
  const { levels, size } = await coverage(model, weights, flags);
  const out = flags.out ?? calibrationPaths(model, weights, weightsDir)[0]!;
  const progress = new Progress({ bar: !flags.json });
  const canvases = images.map((image) => async () => {
    return (await preprocess(await readImage(image), size, decode)).pixels;
  });
  const threads = parseCount('threads', flags.threads);
  try {
    const result = await calibrate({
      model,
      weights,
      levels,
      size,
      threads,
      canvases,
      onProgress: (done) => progress.show({ value: done, total: 1, text: `${Math.round(done * 100)} %`, eta: true }),
    });
    progress.end();
    await makeFolder(dirname(out));
    await writeWhole(out, JSON.stringify(result.file));
    const dotProduct = await hasIntegerDotProduct();
    const { float32, int8 } = result.runMs;
    const summary = { file: out, ...result.file, runMs: { float32, int8, ratio: int8 / float32 }, dotProduct };
    print(summary, flags, () => describe(result, out, dotProduct));
  } finally {
    progress.end();
  }
}

/** The levels that the ranges cover, as flags ask or all that the weights hold, and the size of the canvas. */
async function coverage(
  model: string,
  weights: string,
  { levels, size }: Flags,
): Promise<{ levels: readonly LevelName[]; size: number }> {
  const spec = parseSpec({ model, size, ...(levels !== undefined && { levels }) });
  if (spec.levels) return { levels: spec.levels, size: spec.size };
  const pyramid = pyramidOf(spec);
  const covered = pyramid && (isSeeded(weights) || (await holdsPyramid(pyramid, weights)));
  return { levels: levelsOf(covered ? pyramid : modelGraph(findModel(model), true)), size: spec.size };
}

function describe({ file, runMs }: CalibrationResult, out: string, dotProduct: boolean | undefined): string {
  const { images, measured, ranges } = file;
  const rows = measured.map(({ level, cosine, snrDb, maxAbs }) => {
    return [level, cosine.toFixed(5), snrDb === null ? '–' : snrDb.toFixed(1), maxAbs.toFixed(4)];
  });
  const ratio = (runMs.int8 / runMs.float32).toFixed(2);
  const [slow, fast] = [runMs.float32, runMs.int8].map((ms) => ms.toFixed(0));
  return [
    formatTable(['level', 'cosine', 'SNR (dB)', 'worst error : maximum'], rows),
    '',
    measuredOn(images),
    `Run time int8 : float32 on this machine: ${ratio} (${fast} : ${slow} ms).`,
    ...(dotProduct === false ? [NO_DOT_PRODUCT] : []),
    `${Object.keys(ranges).length} ranges from ${images.count} images written to ${out}`,
  ].join('\n');
}

function measuredOn({ heldOut }: CalibrationResult['file']['images']): string {
  if (heldOut === 0) return 'int8 against float32, on the one image that the ranges come from.';
  return `int8 against float32, the worst of ${heldOut} held out: by ranges from the other images.`;
}
