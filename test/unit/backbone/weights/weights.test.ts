import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadWeights, weightsSource } from '../../../../src/backbone/weights/weights.js';
import { fixtureGraphOf, fixtureTensors, fixtureValues, TORCH } from '../../../support/fixture-weights.js';
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
      message:
        'changed.safetensors has no bn_conv1/moving_mean (shape [2] expected). ' +
        '`cairn weights inspect` shows which models a file fits.',
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

  test('names and shapes are told as the file has them', async () => {
    const path = fixturePath('weights/torch.safetensors');
    const torchGraph = fixtureGraphOf({ ...TORCH, layers: { conv1: 'stem.conv1', bn_conv1: 'bn1' } });
    await expect(loadWeights(path, torchGraph)).rejects.toMatchObject({
      code: 'weights-missing',
      message: expect.stringContaining('no stem.conv1.weight (shape [2, 3, 1, 1] expected)'),
    });
    const hwio = { ...fixtureTensors(Float32Array, '.') };
    const tensors = { 'conv1.weight': hwio['conv1.kernel']!, 'conv1.bias': hwio['conv1.bias']! };
    const norm = ['weight', 'bias', 'running_mean', 'running_var'].map((word) => [`bn1.${word}`, hwio['conv1.bias']!]);
    const changed = join(await tempDir(), 'hwio.safetensors');
    await writeFile(changed, safetensorsBytes({ ...tensors, ...(Object.fromEntries(norm) as Tensors) }));
    await expect(loadWeights(changed, fixtureGraphOf(TORCH))).rejects.toMatchObject({
      code: 'weights-shape',
      message: 'hwio.safetensors has conv1.weight of shape [1, 1, 3, 2]; [2, 3, 1, 1] is expected.',
    });
  });

  test('a bias that the network would not add is refused', async () => {
    const bias = { shape: [2], data: Float32Array.of(1, 2) };
    await expect(loadChanged({ 'bn_conv1/bias': bias })).rejects.toMatchObject({
      code: 'weights-shape',
      message: expect.stringMatching(/belongs to another network: it has bn_conv1\/bias, which this one does not/),
    });
  });

  test('a file that numbers its layers is told apart from one that lacks them', async () => {
    const entries = Object.entries(fixtureTensors()).map(([, tensor], i) => [`layers/dense_${i}/vars/0`, tensor]);
    const path = join(await tempDir(), 'numbered.safetensors');
    await writeFile(path, safetensorsBytes(Object.fromEntries(entries) as Tensors));
    await expect(loadWeights(path, graph)).rejects.toMatchObject({
      code: 'weights-missing',
      message: expect.stringMatching(/numbers its layers instead of naming them.*save it again with a newer Keras/),
    });
  });

  test('all tensors with NaN or infinity are counted, the first are named', async () => {
    const poisoned = { shape: [2], data: Float32Array.of(1, NaN) };
    const names = ['gamma', 'beta', 'moving_mean'].map(inNorm);
    await expect(
      loadChanged(Object.fromEntries(['conv1/bias', ...names].map((name) => [name, poisoned]))),
    ).rejects.toMatchObject({
      code: 'weights-not-finite',
      message:
        'changed.safetensors has NaN or infinity in 4 tensors of 2 layers: conv1/bias, bn_conv1/gamma, ' +
        'bn_conv1/beta, bn_conv1/moving_mean.',
    });
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
