import { describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tensorPath, type WeightsReader } from '../../../../src/backbone/weights/weights-reader.js';
import { loadWeights, openWeights } from '../../../../src/backbone/weights/weights.js';
import {
  fixtureGraphOf,
  fixtureIn,
  fixtureTensors,
  KERAS,
  SLIM,
  TORCH,
  type FixtureConvention,
} from '../../../support/fixture-weights.js';
import { fixturePath } from '../../../support/fixtures.js';
import { fixtureGraph } from '../../../support/graphs.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { safetensorsBytes } from '../../../support/safetensors-bytes.js';
import { useTempDirs } from '../../../support/temp-dir.js';
import { testWeightsReader } from './weights-reader-conformance.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const graph = fixtureGraph();

/** The layouts of Keras repeat the layer's name, or put its group before it. */
const repeated = (path: string) => path.replace(/^(\w+)\//, '$1/$1/');
const inLayers = (path: string) => `layers/${path}`;
const KERAS1_WORDS: Readonly<Record<string, string>> = {
  kernel: 'W',
  bias: 'b',
  moving_mean: 'running_mean',
  moving_variance: 'running_std',
};
function keras1(path: string): string {
  const [layer, word] = path.split('/') as [string, string];
  return `${layer}/${layer}_${KERAS1_WORDS[word] ?? word}`;
}

interface FixtureCase {
  readonly file: string;
  readonly format: WeightsReader['format'];
  readonly convention?: FixtureConvention;
  readonly path?: (path: string) => string;
  readonly others?: readonly string[];
}

/** Files that other people's libraries wrote (conformance/weight_fixtures.py): all hold the same numbers. */
const FILES: readonly FixtureCase[] = [
  { file: 'keras1.h5', format: 'keras-hdf5', path: keras1 },
  { file: 'keras2.h5', format: 'keras-hdf5', path: repeated },
  { file: 'keras3-legacy.h5', format: 'keras-hdf5', path: repeated },
  { file: 'model-weights-group.h5', format: 'keras-hdf5', path: repeated },
  { file: 'older.h5', format: 'keras-hdf5' },
  { file: 'float16.h5', format: 'keras-hdf5', path: repeated },
  { file: 'big-endian.h5', format: 'keras-hdf5', path: repeated },
  { file: 'keras3.weights.h5', format: 'keras-hdf5', path: inLayers },
  { file: 'keras3-bfloat16.weights.h5', format: 'keras-hdf5', path: inLayers },
  { file: 'numpy.npz', format: 'npz' },
  { file: 'numpy-compressed-float16.npz', format: 'npz', others: ['step', 'config'] },
  { file: 'slim.npz', format: 'npz', convention: SLIM, others: ['resnet_v2_50/conv1/weights/Momentum'] },
  ...['torch', 'torch-float16', 'torch-bfloat16'].map((name) => ({
    file: `${name}.safetensors`,
    format: 'safetensors' as const,
    convention: TORCH,
    others: ['bn1.num_batches_tracked'],
  })),
  ...['torch', 'torch-legacy', 'torch-bfloat16', 'torch-float64-legacy', 'torch-views'].map((name) => ({
    file: `${name}.pth`,
    format: 'torch' as const,
    convention: TORCH,
    others: ['bn1.num_batches_tracked'],
  })),
  {
    file: 'torch-checkpoint.pth',
    format: 'torch',
    convention: TORCH,
    path: (path) => `module.${path}`,
    others: ['n_averaged', 'module.bn1.num_batches_tracked'],
  },
  ...['2', '4', '5', 'python2'].map((protocol) => ({
    file: `pickled-${protocol}.pkl`,
    format: 'numpy-pickle' as const,
  })),
];

for (const { file, format, convention = KERAS, path = (same: string) => same, others = [] } of FILES) {
  const tensors = Object.entries(fixtureIn(convention)).map(([name, tensor]) => [path(name), tensor] as const);
  const open = () => openWeights(fixturePath(`weights/${file}`), fixtureGraphOf(convention));
  testWeightsReader({ name: file, format, open, tensors: Object.fromEntries(tensors), others });
}

for (const Type of [Float32Array, Float64Array]) {
  const open = async () => {
    // The format is detected by the first bytes, so the name may be wrong.
    const path = join(await tempDir(), 'weights.h5');
    await writeFile(path, safetensorsBytes(fixtureTensors(Type)));
    return openWeights(path, graph);
  };
  testWeightsReader({ name: `safetensors of ${Type.name}`, format: 'safetensors', open });
}

const shapes = Object.entries(fixtureIn(KERAS)).map(([path, { shape }]) => [path, { shape }] as const);
testWeightsReader({
  name: 'a seed',
  format: 'seeded',
  open: () => openWeights('seeded:5', graph),
  tensors: Object.fromEntries(shapes),
});

describe('one network in every file', () => {
  test.each(FILES)('$file gives the parameters of its graph', async ({ file, convention = KERAS }) => {
    const weights = await loadWeights(fixturePath(`weights/${file}`), fixtureGraphOf(convention));
    const { layers } = convention;
    for (const [name, { values }] of Object.entries(fixtureIn(KERAS))) {
      const [layer, parameter] = name.split('/') as [string, 'kernel'];
      expect([...weights.get(layers[layer]!, parameter)]).toEqual(values);
    }
  });

  test('files of one family have one digest, whatever their format, layout and type', async () => {
    for (const convention of [KERAS, TORCH, SLIM]) {
      const files = FILES.filter((each) => (each.convention ?? KERAS) === convention);
      const loaded = files.map(({ file }) => loadWeights(fixturePath(`weights/${file}`), fixtureGraphOf(convention)));
      const digests = (await Promise.all(loaded)).map(({ digest }) => digest);
      expect(new Set(digests).size).toBe(1);
    }
  });
});

test('tensorPath drops the number of TensorFlow', () => {
  expect(['conv1/kernel:0', 'conv1/kernel', 'a:01'].map(tensorPath)).toEqual(['conv1/kernel', 'conv1/kernel', 'a:01']);
});
