import { describe, expect, test } from '@jest/globals';
import * as h5 from 'h5wasm/node';
import { join } from 'node:path';
import { openKerasHdf5 } from '../../../../src/backbone/weights/keras-hdf5.js';
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
      message: expect.stringMatching(/conv1\/kernel has type integer32; float16, bfloat16, float32/),
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

  test('float16 is refused where the file may mean bfloat16 by it', async () => {
    await expect(loadWeights(fixturePath('weights/float16-and-bfloat16.h5'), graph)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringContaining('conv1/conv1/kernel may be float16 or bfloat16'),
    });
  });

  test('layers are called as the file names them, and by their numbers where it does not', async () => {
    const writeLayer = (name?: string) =>
      write((file) => {
        const vars = file.create_group('layers').create_group('conv2d_7').create_group('vars');
        if (name !== undefined) vars.create_attribute('name', name);
        vars.create_dataset({ name: '0', data: new Float32Array(6), shape: [1, 1, 3, 2] });
        vars.create_dataset({ name: '1', data: new Float32Array(2) });
      });
    const paths = async (path: string) => {
      const reader = await openWeights(path, graph);
      await reader.close();
      return reader.entries().map((entry) => entry.path);
    };
    expect(await paths(await writeLayer('conv1'))).toEqual(['layers/conv1/kernel', 'layers/conv1/bias']);
    const numbered = ['layers/conv2d_7/vars/0', 'layers/conv2d_7/vars/1'];
    expect(await paths(await writeLayer())).toEqual(numbered);
    expect(await paths(await writeLayer('x'.repeat(5000)))).toEqual(numbered);
  });

  test('a file that keeps HDF5 busy beyond patience is given up, and the next one is read', async () => {
    const path = fixturePath('weights/keras2.h5');
    // Damaged files can keep it busy for ever, some only sometimes: this timeout is too short for any file.
    await expect(openKerasHdf5(path, 1)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringContaining('HDF5 does not finish reading it'),
    });
    await expect(loadWeights(path, graph)).resolves.toBeDefined();
  });

  test('what is asked of a closed reader fails', async () => {
    const reader = await openWeights(fixturePath('weights/keras2.h5'), graph);
    const asked = reader.read(reader.entries()[0]!);
    await Promise.all([asked, reader.close()].map((ending) => Promise.resolve(ending).catch(() => undefined)));
    await expect(reader.read(reader.entries()[0]!)).rejects.toMatchObject({ code: 'weights-unreadable' });
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
