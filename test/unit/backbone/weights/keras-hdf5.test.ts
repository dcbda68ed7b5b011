import { describe, expect, test } from '@jest/globals';
import * as h5 from 'h5wasm/node';
import { join } from 'node:path';
import { loadWeights, openWeights } from '../../../../src/backbone/weights/weights.js';
import { fixtureShape, fixtureValues } from '../../../support/fixture-weights.js';
import { fixturePath } from '../../../support/fixtures.js';
import { fixtureGraph } from '../../../support/graphs.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const tempDir = useTempDirs();
expectNoOpenFiles();
await h5.ready;

const graph = fixtureGraph();

/** Writes an HDF5 file; the four layouts in test/fixtures/weights are written by Keras' own rules, in Python. */
async function write(fill: (file: h5.File) => void): Promise<string> {
  const path = join(await tempDir(), 'written.h5');
  const file = new h5.File(path, 'w');
  fill(file);
  file.close();
  return path;
}

/** The fixture's parameters, in the layout `<layer>/<parameter>:0`. */
function writeFixture(parent: h5.Group, Type: typeof Float32Array | typeof Float64Array | typeof Int32Array): void {
  for (const [name, values] of Object.entries(fixtureValues())) {
    const [layer, parameter] = name.split('/') as [string, string];
    const group = parent.get(layer) ? (parent.get(layer) as h5.Group) : parent.create_group(layer);
    group.create_dataset({ name: `${parameter}:0`, data: Type.from(values), shape: fixtureShape(name) });
  }
}

describe('Keras HDF5', () => {
  test('float64 parameters are those of the same file in float32', async () => {
    const double = await loadWeights(await write((file) => writeFixture(file, Float64Array)), graph);
    const single = await loadWeights(fixturePath('weights/keras2.h5'), graph);
    expect(double.digest).toBe(single.digest);
  });

  test('parameters of whole numbers are refused, naming one', async () => {
    const path = await write((file) => writeFixture(file, Int32Array));
    await expect(loadWeights(path, graph)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(/conv1\/kernel has type .*, not float32 or float64/),
    });
  });

  test('layers outside model_weights are not those of a whole model', async () => {
    const path = await write((file) => {
      writeFixture(file.create_group('model_weights'), Float32Array);
      file.create_group('optimizer_weights').create_dataset({ name: 'bias:0', data: new Float32Array(2) });
    });
    const reader = await openWeights(path, graph);
    expect(new Set(reader.entries().map(({ path }) => path.split('/')[0]))).toEqual(new Set(['conv1', 'bn_conv1']));
    await reader.close();
  });

  test.each([
    ['holds no tensors', (file: h5.File) => void file.create_group('conv1')],
    [
      'holds no tensors',
      (file: h5.File) => void file.create_dataset({ name: 'model_weights', data: new Float32Array(1) }),
    ],
    ['nested', (file: h5.File) => void nest(file, 14).create_dataset({ name: 'bias:0', data: new Float32Array(2) })],
  ])('a file that %s is refused', async (_, fill) => {
    await expect(openWeights(await write(fill), graph)).rejects.toMatchObject({ code: 'weights-unreadable' });
  });
});

function nest(parent: h5.Group, depth: number): h5.Group {
  return depth === 0 ? parent : nest(parent.create_group('deeper'), depth - 1);
}
