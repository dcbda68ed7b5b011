import { describe, expect, test } from '@jest/globals';
import { createEngine } from '../../../../src/backbone/engine/engines.js';
import type { Graph, OutputName } from '../../../../src/backbone/graph/graph.js';
import { inferShapes } from '../../../../src/backbone/graph/shapes.js';
import { BYTES_PER_ELEMENT, DTYPES } from '../../../../src/backbone/tensor.js';
import { engineUnderTest, pixels, runOne, SIZE } from '../../../support/engine-under-test.js';
import { evaluateGraph } from '../../../support/evaluate-graph.js';
import {
  fixtureGraph,
  groupNormGraph,
  preactivationGraph,
  randomWeights,
  redAndGreen,
  tinyGraph,
} from '../../../support/graphs.js';
import { roundToHalf } from '../../../support/half.js';
import { channelsFirst, largestAbsolute, largestDifference, levelOf, numbersOf } from '../../../support/tensors.js';
import { testLimits } from './engine-limits.js';

const GRAPHS: [string, Graph][] = [
  ['post-activation', tinyGraph()],
  ['pre-activation', preactivationGraph()],
  ['group norms', groupNormGraph()],
];

/** An image of half the contrast, whose levels have ranges of their own. */
function dim(image: Uint8Array): Uint8Array {
  return image.map((value) => value / 2);
}

/** What every engine must do, whatever it compiles to. Runs on graphs of a few layers. */
export function testEngine(name: string, device: string): void {
  describe(`engine ${name} on ${device}`, () => {
    const compile = engineUnderTest(name, device);

    test('goes by its name, runs where it is told to, and knows its versions', async () => {
      const engine = await createEngine(name);
      expect(engine.name).toBe(name);
      const [, graph] = GRAPHS[0]!;
      expect((await compile(graph, randomWeights(graph))).device).toBe(device);
      const versions = Object.values(engine.versions());
      expect(versions.length).toBeGreaterThan(0);
      for (const version of versions) expect(version).toMatch(/^\d+\.\d+/);
    });

    describe.each(GRAPHS)('%s', (_, graph) => {
      const weights = randomWeights(graph);
      const outputs = Object.keys(graph.outputs) as OutputName[];
      const shapes = inferShapes(graph, SIZE, SIZE);

      test.each(DTYPES)('gives each output its name, shape, stride, type and bytes in %s', async (dtype) => {
        const levels = await runOne(await compile(graph, weights, { outputs, dtype }), pixels(1));
        expect(levels.map((level) => level.name)).toEqual(outputs);
        for (const { name: level, stride, tensor } of levels) {
          const output = graph.outputs[level as OutputName]!;
          expect(stride).toBe(output.stride);
          const { data, quantization } = tensor;
          const described = { dtype, layout: 'nhwc', shape: shapes.get(output.node), data };
          expect(tensor).toEqual(dtype === 'uint8' ? { ...described, quantization } : described);
          const elements = tensor.shape.reduce((product, length) => product * length);
          expect(tensor.data.byteLength).toBe(elements * BYTES_PER_ELEMENT[dtype]);
        }
      });

      test('computes what the graph says, normalised before the padding', async () => {
        const image = pixels(1);
        const expected = evaluateGraph(graph, weights, image, SIZE);
        for (const { name: level, tensor } of await runOne(await compile(graph, weights, { outputs }), image)) {
          const reference = expected.get(graph.outputs[level as OutputName]!.node)!.values;
          const scale = largestAbsolute(reference);
          expect(scale).toBeGreaterThan(0.1);
          expect(new Set(reference).size).toBeGreaterThan(6);
          expect(largestDifference(numbersOf(tensor), reference)).toBeLessThan(1e-5 * scale);
        }
      });

      test('brings back the outputs that were asked for, in that order, with the same numbers', async () => {
        const all = await runOne(await compile(graph, weights, { outputs }), pixels(1));
        const some: OutputName[][] = [['C3'], ['C1', 'C4'], ['C4', 'C2'], [outputs.at(-1)!]];
        for (const asked of some) {
          const levels = await runOne(await compile(graph, weights, { outputs: asked }), pixels(1));
          expect(levels.map((level) => level.name)).toEqual(asked);
          for (const { name: level, tensor } of levels) {
            const whole = numbersOf(levelOf(all, level).tensor);
            expect(largestDifference(numbersOf(tensor), whole)).toBeLessThan(1e-5 * largestAbsolute(whole));
          }
        }
      });

      test('a batch of two is two batches of one', async () => {
        const session = await compile(graph, weights, { outputs });
        const [first, second] = [pixels(1), pixels(2)];
        const alone = [await runOne(session, first), await runOne(session, second)];
        const both = await session.run(Buffer.concat([first, second]), 2);
        expect(both).toHaveLength(2);
        for (const [image, levels] of both.entries()) {
          for (const { name: level, tensor } of levels) {
            const expected = levelOf(alone[image]!, level).tensor;
            expect(tensor.shape).toEqual(expected.shape);
            expect(largestDifference(numbersOf(tensor), numbersOf(expected))).toBeLessThan(1e-4);
          }
        }
        const [one, other] = both.map((levels) => numbersOf(levels[0]!.tensor));
        expect(largestDifference(one!, other!)).toBeGreaterThan(0.1);
      });

      test('float16 is the rounding of float32, ties to even', async () => {
        const single = await runOne(await compile(graph, weights, { outputs }), pixels(3));
        const half = await runOne(await compile(graph, weights, { outputs, dtype: 'float16' }), pixels(3));
        for (const { name: level, tensor, clipped } of half) {
          const rounded = numbersOf(levelOf(single, level).tensor).map(roundToHalf);
          expect(largestDifference(numbersOf(tensor), rounded)).toBe(0);
          expect(clipped).toBe(false);
        }
      });

      test('uint8 is within half a step of float32, with zeros kept, by the range of each image', async () => {
        const two = Buffer.concat([pixels(6), dim(pixels(7))]);
        const floats = await (await compile(graph, weights, { outputs })).run(two, 2);
        const integers = await (await compile(graph, weights, { outputs, dtype: 'uint8' })).run(two, 2);
        for (const [image, levels] of integers.entries()) {
          for (const { name: level, tensor, clipped } of levels) {
            const { scale, zeroPoint } = tensor.quantization!;
            expect(Math.fround(scale)).toBe(scale);
            expect([zeroPoint >= 0, zeroPoint <= 255, Number.isInteger(zeroPoint), clipped]).toEqual([
              true,
              true,
              true,
              false,
            ]);
            const exact = numbersOf(levelOf(floats[image]!, level).tensor);
            const found = numbersOf(tensor);
            expect(largestDifference(found, exact)).toBeLessThanOrEqual(scale / 2 + 1e-6 * largestAbsolute(exact));
            expect(exact.every((value, i) => value !== 0 || found[i] === 0)).toBe(true);
            // No integers are wasted: the range of the level is that of the integers. A map of zeros has none.
            const [least, most] = [Math.min(0, ...exact), Math.max(0, ...exact)];
            if (most > least) expect(scale * 255).toBeLessThan(1.001 * (most - least));
          }
        }
        const scales = integers.map((levels) => levelOf(levels, 'C2').tensor.quantization!.scale);
        expect(scales[0]).not.toBe(scales[1]);
      });

      test.each(DTYPES)(
        'nchw has the values of nhwc, channels first, in %s and for every image of a batch',
        async (dtype) => {
          const two = Buffer.concat([pixels(4), pixels(5)]);
          const last = await (await compile(graph, weights, { outputs, dtype })).run(two, 2);
          const first = await (await compile(graph, weights, { outputs, dtype, layout: 'nchw' })).run(two, 2);
          for (const [image, levels] of first.entries()) {
            for (const { name: level, tensor } of levels) {
              const expected = channelsFirst(levelOf(last[image]!, level).tensor);
              expect([tensor.layout, tensor.shape]).toEqual(['nchw', expected.shape]);
              expect(largestDifference(numbersOf(tensor), numbersOf(expected))).toBe(0);
            }
          }
        },
      );

      test('several sessions live side by side, and go one by one', async () => {
        const first = await compile(graph, weights);
        const second = await compile(graph, randomWeights(graph, 2));
        const run = async (session: typeof first) => numbersOf((await runOne(session, pixels(1)))[0]!.tensor);
        const before = await run(first);
        expect(largestDifference(before, await run(second))).toBeGreaterThan(0.1);
        await second.dispose();
        expect(await run(first)).toEqual(before);
      });
    });

    test('a classifier gives probabilities, one position an image', async () => {
      const [, graph] = GRAPHS[1]!;
      const [top] = await runOne(await compile(graph, randomWeights(graph), { outputs: ['top'] }), pixels(1));
      expect(top!.tensor.shape).toEqual([1, 1, 7]);
      const probabilities = numbersOf(top!.tensor);
      expect(probabilities.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5);
      expect(Math.min(...probabilities)).toBeGreaterThan(0);
    });

    test.each([
      ['rgb', [1, 1, 1], [100, 120]],
      ['bgr', [1, 1, 1], [190, 120]],
      ['rgb', [10, 8, 1], [10, 15]],
      ['bgr', [10, 8, 1], [19, 15]],
    ] as const)('takes the channels as %s, minus the mean, over %j', async (channelOrder, std, expected) => {
      const graph = fixtureGraph({ channelOrder, mean: [10, 20, 30], std });
      const session = await compile(graph, redAndGreen([1, 0, 0, 1, 0, 0]));
      const image = new Uint8Array(SIZE * SIZE * 3).map((_, i) => [110, 140, 200][i % 3]!);
      const [level] = await runOne(session, image);
      expect([...numbersOf(level!.tensor)].slice(0, 2)).toEqual(expected);
    });

    test('refuses a device that it does not have, naming those that it has', async () => {
      const [, graph] = GRAPHS[0]!;
      await expect(compile(graph, randomWeights(graph), { device: 'abacus' })).rejects.toMatchObject({
        code: 'device-unavailable',
        message: expect.stringMatching(/no device "abacus".*\bcpu\b/),
      });
    });

    testLimits(compile, device);
  });
}
