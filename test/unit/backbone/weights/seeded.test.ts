import { describe, expect, test } from '@jest/globals';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { listModels, modelGraph } from '../../../../src/backbone/catalogue.js';
import { seededWeights } from '../../../../src/backbone/weights/seeded.js';
import type { WeightsReader } from '../../../../src/backbone/weights/weights-reader.js';
import { loadWeights } from '../../../../src/backbone/weights/weights.js';
import { readGolden } from '../../../support/fixtures.js';
import { fixtureGraph, preactivationGraph } from '../../../support/graphs.js';
import { sumsOf } from '../../../support/tensors.js';

interface Golden {
  readonly seed: number;
  readonly parameters: readonly {
    readonly architecture: string;
    readonly layer: string;
    readonly parameter: string;
    readonly shape: number[];
    readonly first: number[];
    readonly sum_float64: number;
  }[];
}

const golden = readGolden('seeded-weights.json') as Golden;

function readParameter(reader: WeightsReader, layer: string, parameter: string): Promise<Float32Array> {
  return reader.read(reader.entries().find(({ path }) => path === `${layer}/${parameter}`)!);
}

describe('seeded weights', () => {
  test.each(golden.parameters)('$architecture $layer/$parameter is what numpy computes', async (expected) => {
    const reader = seededWeights(resnetGraph(expected.architecture, true), golden.seed);
    const values = await readParameter(reader, expected.layer, expected.parameter);
    expect(values).toHaveLength(expected.shape.reduce((a, b) => a * b));
    for (const [i, value] of expected.first.entries()) {
      expect(Math.abs(values[i]! - value)).toBeLessThanOrEqual(1e-6 * Math.abs(value));
    }
    const { sum, absolute } = sumsOf(values);
    expect(Math.abs(sum - expected.sum_float64)).toBeLessThanOrEqual(1e-6 * absolute);
  });

  test('another seed gives other values in every tensor, and the same seed the same', async () => {
    const [zero, one, again] = [0, 1, 1].map((seed) => seededWeights(fixtureGraph(), seed));
    for (const { path } of zero!.entries()) {
      const [layer, parameter] = path.split('/') as [string, string];
      const read = async (reader: WeightsReader) => [...(await readParameter(reader, layer, parameter))];
      expect(await read(one!)).toEqual(await read(again!));
      expect(await read(one!)).not.toEqual(await read(zero!));
    }
  });

  test('layers of equal shape get different values', async () => {
    const reader = seededWeights(resnetGraph('resnet50', false), 0);
    const kernels = ['res2b_branch2a', 'res2c_branch2a'].map((layer) => readParameter(reader, layer, 'kernel'));
    const [b, c] = await Promise.all(kernels);
    expect(b).toHaveLength(c!.length);
    expect(b).not.toEqual(c);
  });

  test('a layer has the same values in every network that has it', async () => {
    const [small, large] = ['resnet50', 'resnet101'].map((name) => seededWeights(resnetGraph(name, true), 3));
    const [cut] = [seededWeights(resnetGraph('resnet50', false), 3)];
    for (const parameter of ['gamma', 'moving_variance']) {
      const values = await readParameter(small!, 'bn4c_branch2b', parameter);
      expect(await readParameter(large!, 'bn4c_branch2b', parameter)).toEqual(values);
      expect(await readParameter(cut, 'bn4c_branch2b', parameter)).toEqual(values);
    }
  });

  test.each(listModels())('$name gets every parameter of every layer, in the shape that it declares', (model) => {
    const graph = modelGraph(model, true, { includeTop: true });
    const declared = graph.nodes.flatMap(({ name, parameters }) =>
      Object.entries(parameters).map(([parameter, shape]) => [`${name}/${parameter}`, shape]),
    );
    const drawn = seededWeights(graph, 0).entries();
    expect(Object.fromEntries(drawn.map(({ path, shape }) => [path, shape]))).toEqual(Object.fromEntries(declared));
    expect(drawn).toHaveLength(declared.length);
  });

  test('what the pixels are divided by is taken from the variance that the first norm expects', async () => {
    const variance = async (std: number) => {
      const graph = fixtureGraph({ channelOrder: 'rgb', mean: [0, 0, 0], std: [std, std, std] });
      return [...(await readParameter(seededWeights(graph, 0), 'bn_conv1', 'moving_variance'))];
    };
    const [plain, divided] = [await variance(1), await variance(10)];
    for (const [i, value] of plain.entries()) expect(divided[i]! / value).toBeCloseTo(0.01, 6);
  });

  test('a convolution that ends a residual branch without a norm is half as strong as it would be', async () => {
    const reader = seededWeights(preactivationGraph(), 0);
    // He-uniform: the largest is near √(6 / inputs of a filter), of which there are 4 and 5 · 3 · 3.
    const largest = async (layer: string) => Math.max(...(await readParameter(reader, layer, 'kernel')).map(Math.abs));
    expect((await largest('branch')) / Math.sqrt(6 / 4)).toBeLessThan(0.5);
    expect((await largest('inner')) / Math.sqrt(6 / 45)).toBeGreaterThan(0.9);
  });

  test('variances are positive', async () => {
    const reader = seededWeights(resnetGraph('resnet101', true), 0);
    const variances = reader.entries().filter(({ path }) => path.endsWith('/moving_variance'));
    expect(variances).toHaveLength(104);
    for (const entry of variances) expect(Math.min(...(await reader.read(entry)))).toBeGreaterThan(0);
  });
});

describe('seeds', () => {
  test('seeded is seed 0, and the digest tells seeds apart', async () => {
    const specs = ['seeded', 'seeded:0', 'seeded:1', 'seeded:123456789012345'];
    const loaded = await Promise.all(specs.map((spec) => loadWeights(spec, fixtureGraph())));
    expect(loaded.map(({ source }) => source)).toEqual(['seeded', 'seeded', 'seeded:1', 'seeded:123456789012345']);
    const [implicit, zero, one, large] = loaded.map(({ digest }) => digest);
    expect(implicit).toBe(zero);
    expect(new Set([zero, one, large]).size).toBe(3);
  });

  test.each(['seeded:-1', 'seeded:x', 'seeded:', 'seeded:1.5', 'seeded:1e3', 'seeded: 1', 'seeded:1234567890123456'])(
    '%s is refused as an option, not looked for as a file',
    async (spec) => {
      await expect(loadWeights(spec, fixtureGraph())).rejects.toMatchObject({
        code: 'option-invalid',
        message: expect.stringContaining(`"${spec}" is not a seed`),
      });
    },
  );

  test('a file whose name begins like a seed is a file', async () => {
    await expect(loadWeights('seeded-by-hand.h5', fixtureGraph())).rejects.toMatchObject({
      code: 'weights-unreadable',
    });
  });
});
