import { afterEach, describe, expect, test } from '@jest/globals';
import { createEngine } from '../../../../src/backbone/engine/engines.js';
import type { CompileOptions, Session } from '../../../../src/backbone/engine/engine.js';
import type { Graph, LevelName } from '../../../../src/backbone/graph/graph.js';
import { inferShapes } from '../../../../src/backbone/graph/shapes.js';
import { BYTES_PER_ELEMENT, DTYPES } from '../../../../src/backbone/tensor.js';
import type { Weights } from '../../../../src/backbone/weights/weights.js';
import { evaluateGraph } from '../../../support/evaluate-graph.js';
import {
  fixtureGraph,
  NO_NORMALIZATION,
  randomWeights,
  stackGraph,
  tinyGraph,
  weightsOf,
} from '../../../support/graphs.js';
import { roundToHalf } from '../../../support/half.js';
import { useTypedArraysOfTheProcess } from '../../../support/outer-realm.js';
import { largestDifference, levelOf, numbersOf, randomNumbers } from '../../../support/tensors.js';

const SIZE = 64;
const ALL = ['C1', 'C2', 'C3', 'C4'] as const satisfies LevelName[];
const MEAN = [123.7, 116.8, 103.9] as const;

/** What every engine must do, whatever it compiles to. Runs on graphs of a few layers. */
export function testEngine(name: string): void {
  useTypedArraysOfTheProcess();

  describe(`engine ${name}`, () => {
    const sessions: Session[] = [];
    afterEach(async () => {
      for (const session of sessions.splice(0)) await session.dispose();
    });

    const compile = async (graph: Graph, weights: Weights, options: Partial<CompileOptions> = {}) => {
      const defaults = { levels: ALL, dtype: 'float32', size: SIZE, device: 'cpu', threads: 1 } as const;
      const normalization = { channelOrder: 'rgb', mean: MEAN } as const;
      const engine = await createEngine(name);
      const session = await engine.compile(graph, weights, { ...defaults, normalization, ...options });
      sessions.push(session);
      return session;
    };
    const runOne = async (session: Session, images: Uint8Array) => (await session.run(images, 1))[0]!;

    const graph = tinyGraph();
    const weights = randomWeights(graph);

    test('goes by its name, and runs on the CPU', async () => {
      const engine = await createEngine(name);
      expect(engine.name).toBe(name);
      expect(engine.devices()).toContain('cpu');
      expect((await compile(graph, weights)).device).toBe('cpu');
    });

    test.each(DTYPES)('gives each level its name, shape, stride, type and bytes in %s', async (dtype) => {
      const levels = await runOne(await compile(graph, weights, { dtype }), pixels(1));
      expect(levels.map((level) => level.name)).toEqual(ALL);
      const shapes = inferShapes(graph, SIZE, SIZE);
      for (const { name: level, stride, tensor } of levels) {
        const output = graph.outputs[level as LevelName]!;
        expect(stride).toBe(output.stride);
        expect({ ...tensor, data: undefined }).toEqual({ dtype, shape: shapes.get(output.node), data: undefined });
        const elements = tensor.shape.reduce((product, length) => product * length);
        expect(tensor.data.byteLength).toBe(elements * BYTES_PER_ELEMENT[dtype]);
      }
    });

    test('computes what the graph says, with the mean subtracted before the padding', async () => {
      const image = pixels(1);
      const expected = evaluateGraph(graph, weights, image, SIZE, [...MEAN]);
      for (const { name: level, tensor } of await runOne(await compile(graph, weights), image)) {
        const reference = expected.get(graph.outputs[level as LevelName]!.node)!.values;
        const scale = Math.max(...reference);
        expect(scale).toBeGreaterThan(1);
        expect(largestDifference(numbersOf(tensor), reference)).toBeLessThan(1e-5 * scale);
      }
    });

    test('takes the channels in the order red, green, blue', async () => {
      const kernel = [1, 0, 0, 1, 0, 0];
      const session = await compile(fixtureGraph(), redAndGreen(kernel), {
        levels: ['C1'],
        normalization: { channelOrder: 'rgb', mean: [10, 20, 30] },
      });
      const image = new Uint8Array(SIZE * SIZE * 3).map((_, i) => [110, 140, 200][i % 3]!);
      const [level] = await runOne(session, image);
      expect([...numbersOf(level!.tensor)].slice(0, 2)).toEqual([100, 120]);
    });

    test('brings back the levels that were asked for, in that order, with the same numbers', async () => {
      const all = await runOne(await compile(graph, weights), pixels(1));
      for (const levels of [['C3'], ['C1', 'C4']] as LevelName[][]) {
        const some = await runOne(await compile(graph, weights, { levels }), pixels(1));
        expect(some.map((level) => level.name)).toEqual(levels);
        for (const { name: level, tensor } of some) {
          const whole = numbersOf(levelOf(all, level).tensor);
          expect(largestDifference(numbersOf(tensor), whole)).toBeLessThan(1e-5 * Math.max(...whole));
        }
      }
    });

    test('a batch of two is two batches of one', async () => {
      const session = await compile(graph, weights);
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
      const difference = largestDifference(numbersOf(both[0]![0]!.tensor), numbersOf(both[1]![0]!.tensor));
      expect(difference).toBeGreaterThan(1);
    });

    test('float16 is the rounding of float32, ties to even', async () => {
      const single = await runOne(await compile(graph, weights), pixels(3));
      const half = await runOne(await compile(graph, weights, { dtype: 'float16' }), pixels(3));
      for (const { name: level, tensor, clipped } of half) {
        const rounded = numbersOf(levelOf(single, level).tensor).map(roundToHalf);
        expect(largestDifference(numbersOf(tensor), rounded)).toBe(0);
        expect(clipped).toBe(false);
      }
    });

    describe('beyond the range of float16', () => {
      // C1 stays within the range; the branch behind it does not.
      const large = randomWeights(graph, 1, { 'shortcut/bias': Array<number>(6).fill(70_000) });

      test('clips to 65504 and says in which level', async () => {
        const levels = await runOne(await compile(graph, large, { dtype: 'float16' }), pixels(1));
        expect(levels.map(({ clipped }) => clipped)).toEqual([false, false, true, true]);
        for (const { tensor, clipped } of levels) {
          expect(Math.max(...numbersOf(tensor)) === 65504).toBe(clipped);
        }
      });

      test('clips what is finite in float32, however large and however much of it there is', async () => {
        const huge = randomWeights(graph, 1, { 'shortcut/bias': Array<number>(6).fill(3e37) });
        const levels = await runOne(await compile(graph, huge, { dtype: 'float16' }), pixels(1));
        expect(levels.map(({ clipped }) => clipped)).toEqual([false, false, true, true]);
      });

      test('clips nothing in float32', async () => {
        const levels = await runOne(await compile(graph, large), pixels(1));
        expect(levels.map(({ clipped }) => clipped)).toEqual([false, false, false, false]);
        expect(Math.max(...numbersOf(levelOf(levels, 'C3').tensor))).toBeGreaterThan(65_536);
      });

      test('says of each image of a batch whether it was clipped', async () => {
        const session = await compile(fixtureGraph(), redAndGreen([300, 0, 0, 1, 0, 0]), {
          levels: ['C1'],
          dtype: 'float16',
          normalization: NO_NORMALIZATION,
        });
        const [dark, bright] = [new Uint8Array(SIZE * SIZE * 3), new Uint8Array(SIZE * SIZE * 3).fill(255)];
        const images = await session.run(Buffer.concat([dark, bright]), 2);
        expect(images.map(([level]) => level!.clipped)).toEqual([false, true]);
      });
    });

    describe('features that are not finite are refused, naming the level', () => {
      const refused = { code: 'features-not-finite', message: expect.stringContaining('C1') };
      const compileStack = (first: number[], second: number[]) => {
        const values = { 'conv1/kernel': first, 'conv1/bias': [0, 0], 'conv2/kernel': second, 'conv2/bias': [1, 1] };
        return compile(stackGraph(), weightsOf(values), { levels: ['C1'], normalization: NO_NORMALIZATION });
      };

      test.each([
        ['at the first element', 0],
        ['in the middle', 1000],
        ['at the last element', SIZE * SIZE - 1],
      ])('infinity %s', async (_, place) => {
        // 255 × 3·10³⁸ is infinite in float32; the other pixels give 0.
        const session = await compileStack([3e38, 3e38, 0, 0, 0, 0], [1, 1, 1, 1]);
        await expect(session.run(pixelAt(place), 1)).rejects.toMatchObject(refused);
        await expect(session.run(new Uint8Array(SIZE * SIZE * 3), 1)).resolves.toHaveLength(1);
      });

      test.each([
        ['at the first element', 0],
        ['in the middle', 1000],
        ['at the last element', SIZE * SIZE - 1],
      ])('not-a-number %s', async (_, place) => {
        // Infinity minus infinity, at one pixel.
        const session = await compileStack([3e38, 3e38, 0, 0, 0, 0], [1, 1, -1, -1]);
        await expect(session.run(pixelAt(place), 1)).rejects.toMatchObject(refused);
      });
    });

    test('refuses a device that it does not have, naming those that it has', async () => {
      await expect(compile(graph, weights, { device: 'abacus' })).rejects.toMatchObject({
        code: 'device-unavailable',
        message: expect.stringMatching(/no device "abacus".*cpu/),
      });
    });

    test('several sessions live side by side, and go one by one', async () => {
      const [first, second] = [await compile(graph, weights), await compile(graph, randomWeights(graph, 2))];
      const before = numbersOf((await runOne(first, pixels(1)))[0]!.tensor);
      expect(largestDifference(before, numbersOf((await runOne(second, pixels(1)))[0]!.tensor))).toBeGreaterThan(0.1);
      await sessions.pop()!.dispose();
      expect(numbersOf((await runOne(first, pixels(1)))[0]!.tensor)).toEqual(before);
    });
  });
}

/** Random pixels of one image; the same for the same seed. */
function pixels(seed: number): Uint8Array {
  const random = randomNumbers(seed);
  return new Uint8Array(SIZE * SIZE * 3).map(() => Math.floor(random() * 256));
}

/** One image that is black but for the red of one pixel. */
function pixelAt(place: number): Uint8Array {
  const image = new Uint8Array(SIZE * SIZE * 3);
  image[place * 3] = 255;
  return image;
}

/** Weights of the fixture's graph: `kernel` (of 3 × 2) and nothing else that changes a value. */
function redAndGreen(kernel: number[]): Weights {
  const norm = { gamma: [1, 1], beta: [0, 0], moving_mean: [0, 0], moving_variance: [0.999, 0.999] };
  const named = Object.fromEntries(Object.entries(norm).map(([key, value]) => [`bn_conv1/${key}`, value]));
  return weightsOf({ 'conv1/kernel': kernel, 'conv1/bias': [0, 0], ...named });
}
