import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadWeights, weightsSource } from '../../../../src/backbone/weights/weights.js';
import { fixtureTensors, fixtureValues } from '../../../support/fixture-weights.js';
import { fixturePath } from '../../../support/fixtures.js';
import { fixtureGraph } from '../../../support/graphs.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { safetensorsBytes, type Tensors } from '../../../support/safetensors-bytes.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const graph = fixtureGraph();

/** Loads a safetensors file that holds the fixture's tensors with some changed, or left out where undefined. */
async function loadChanged(changed: Record<string, Tensors[string] | undefined> = {}) {
  const tensors = Object.entries({ ...fixtureTensors(), ...changed }).filter(([, tensor]) => tensor !== undefined);
  const path = join(await tempDir(), 'changed.safetensors');
  await writeFile(path, safetensorsBytes(Object.fromEntries(tensors) as Tensors));
  return loadWeights(path, graph);
}

describe('loadWeights', () => {
  test('gives the parameters of the graph by layer and name, and refuses others', async () => {
    const weights = await loadWeights(fixturePath('weights/keras2.h5'), graph);
    for (const [name, values] of Object.entries(fixtureValues())) {
      const [layer, parameter] = name.split('/') as [string, 'kernel'];
      expect([...weights.get(layer, parameter)]).toEqual(values);
    }
    expect(weights.source).toBe('keras2.h5');
    expect(() => weights.get('conv1', 'gamma')).toThrow('conv1/gamma is not a parameter of this graph');
  });

  test('the digest is the SHA-256 of names, shapes and float32 values in the order of the graph', async () => {
    const hash = createHash('sha256');
    const order = ['conv1/kernel', 'conv1/bias', ...['gamma', 'beta', 'moving_mean', 'moving_variance'].map(inNorm)];
    for (const name of order) {
      hash.update(`${name}${name === 'conv1/kernel' ? '[1, 1, 3, 2]' : '[2]'}\n`);
      hash.update(Float32Array.from(fixtureValues()[name]!));
    }
    expect((await loadChanged()).digest).toBe(hash.digest('hex'));
  });

  test('the same parameters have the same digest in every file format and layout', async () => {
    const files = ['keras2', 'keras3-legacy', 'model-weights-group', 'older'].map((name) => `weights/${name}.h5`);
    const loaded = await Promise.all(files.map((file) => loadWeights(fixturePath(file), graph)));
    const double = await loadChanged(fixtureTensors(Float64Array));
    const unused = await loadChanged({ 'rpn_conv_shared/kernel': { shape: [1], data: Float32Array.of(7) } });
    const digests = [...loaded, await loadChanged(), double, unused].map((weights) => weights.digest);
    expect(new Set(digests).size).toBe(1);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  test('one other value, or two values in each other’s place, make another digest', async () => {
    const digests = await Promise.all(
      [
        {},
        { 'conv1/bias': { shape: [2], data: Float32Array.of(0.125, -8.000001) } },
        { 'conv1/bias': { shape: [2], data: Float32Array.of(-8, 0.125) } },
        { 'conv1/bias': fixtureTensors()['bn_conv1/beta'], 'bn_conv1/beta': fixtureTensors()['conv1/bias'] },
      ].map(loadChanged),
    );
    expect(new Set(digests.map((weights) => weights.digest)).size).toBe(4);
  });

  test('a missing parameter is named with its layer and the shape that was expected', async () => {
    await expect(loadChanged({ 'bn_conv1/moving_mean': undefined })).rejects.toMatchObject({
      code: 'weights-missing',
      message: 'changed.safetensors has no bn_conv1/moving_mean (shape [2] expected).',
    });
    const without = { 'conv1/kernel': undefined, 'conv1/bias': undefined, 'bn_conv1/beta': undefined };
    await expect(loadChanged(without)).rejects.toMatchObject({
      code: 'weights-missing',
      message: expect.stringMatching(/no conv1\/kernel \(shape \[1, 1, 3, 2\] expected\), and 2 more are missing/),
    });
  });

  test('a wrong shape is named with both shapes', async () => {
    const transposed = { shape: [2, 3, 1, 1], data: new Float32Array(6) };
    await expect(loadChanged({ 'conv1/kernel': transposed })).rejects.toMatchObject({
      code: 'weights-shape',
      message: 'changed.safetensors has conv1/kernel of shape [2, 3, 1, 1]; [1, 1, 3, 2] is expected.',
    });
    const longer = { shape: [2, 1], data: new Float32Array(2) };
    await expect(loadChanged({ 'conv1/bias': longer })).rejects.toMatchObject({ code: 'weights-shape' });
  });

  test.each([NaN, Infinity, -Infinity])('%d among the values is refused, naming the parameter', async (value) => {
    const poisoned = { shape: [2], data: Float32Array.of(1, value) };
    await expect(loadChanged({ 'bn_conv1/gamma': poisoned })).rejects.toMatchObject({
      code: 'weights-not-finite',
      message: expect.stringContaining('bn_conv1/gamma'),
    });
    // What the graph does not use may be anything: it is not read.
    await expect(loadChanged({ 'other/gamma': poisoned })).resolves.toHaveProperty('source');
  });

  test('float64 that float32 cannot hold is refused like infinity', async () => {
    const large = { shape: [2], data: Float64Array.of(1, 1e39) };
    await expect(loadChanged({ 'bn_conv1/beta': large })).rejects.toMatchObject({ code: 'weights-not-finite' });
  });
});

describe('weightsSource', () => {
  test.each([
    ['seeded', 'seeded'],
    ['seeded:0', 'seeded'],
    ['seeded:12', 'seeded:12'],
    ['/data/weights/mask_rcnn_coco.h5', 'mask_rcnn_coco.h5'],
    ['seeded.h5', 'seeded.h5'],
  ])('shows %s as %s', (spec, shown) => {
    expect(weightsSource(spec)).toBe(shown);
  });
});

function inNorm(parameter: string): string {
  return `bn_conv1/${parameter}`;
}
