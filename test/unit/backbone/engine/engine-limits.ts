import { describe, expect, test } from '@jest/globals';
import type { engineUnderTest } from '../../../support/engine-under-test.js';
import { pixelAt, pixels, runOne, SIZE } from '../../../support/engine-under-test.js';
import {
  fixtureGraph,
  preactivationGraph,
  randomWeights,
  redAndGreen,
  stackGraph,
  tinyGraph,
  weightsOf,
} from '../../../support/graphs.js';
import { levelOf, numbersOf } from '../../../support/tensors.js';

const BLACK = new Uint8Array(SIZE * SIZE * 3);

/** What is not finite, whether the level is signed, and the second kernel of `stackGraph` that makes it of the first. */
type NotFinite = [string, boolean, number[]];
const NAN_BEHIND_RELU: NotFinite = ['infinity minus infinity', false, [1, 1, -1, -1]];

/** Devices whose activation makes 0 of what is not a number: behind it nothing is left to be found. */
const HIDES_NAN: readonly string[] = ['wasm'];

/** What every engine does with values that float16, or float32, does not have. */
export function testLimits(compile: ReturnType<typeof engineUnderTest>, device: string): void {
  describe('beyond the range of float16', () => {
    const graph = tinyGraph();
    // C1 and C2 stay within the range; the branch behind them does not.
    const withBias = (value: number) => randomWeights(graph, 1, { 'shortcut/bias': Array<number>(6).fill(value) });

    test('clips to 65504 and says in which level', async () => {
      const levels = await runOne(await compile(graph, withBias(70_000), { dtype: 'float16' }), pixels(1));
      expect(levels.map(({ clipped }) => clipped)).toEqual([false, false, true, true]);
      for (const { tensor, clipped } of levels) {
        expect(Math.max(...numbersOf(tensor)) === 65504).toBe(clipped);
      }
    });

    test.each([
      ['below', -70_000, 4, -65504],
      ['above', 70_000, 4, 65504],
    ])('clips signed levels %s', async (_, bias, channel, limit) => {
      const signed = preactivationGraph();
      const biases = [0, 0, 0, 0, 0].with(channel, bias);
      const weights = randomWeights(signed, 1, { 'branch/bias': biases });
      const levels = await runOne(await compile(signed, weights, { dtype: 'float16' }), pixels(1));
      expect(levels.map(({ clipped }) => clipped)).toEqual([false, true, true, true, true]);
      for (const { tensor, clipped } of levels) {
        const found = numbersOf(tensor).filter((value) => Math.abs(value) > 60_000);
        expect(found.length > 0).toBe(clipped);
        expect(found.every((value) => value === limit)).toBe(true);
      }
    });

    test('clips what is finite in float32, however large and however much of it there is', async () => {
      const levels = await runOne(await compile(graph, withBias(3e37), { dtype: 'float16' }), pixels(1));
      expect(levels.map(({ clipped }) => clipped)).toEqual([false, false, true, true]);
    });

    test('clips nothing in float32', async () => {
      const levels = await runOne(await compile(graph, withBias(70_000)), pixels(1));
      expect(levels.map(({ clipped }) => clipped)).toEqual([false, false, false, false]);
      expect(Math.max(...numbersOf(levelOf(levels, 'C3').tensor))).toBeGreaterThan(65_536);
    });

    test('says of each image of a batch whether it was clipped', async () => {
      const session = await compile(fixtureGraph(), redAndGreen([300, 0, 0, 1, 0, 0]), { dtype: 'float16' });
      const images = await session.run(Buffer.concat([BLACK, BLACK.map(() => 255)]), 2);
      expect(images.map(([level]) => level!.clipped)).toEqual([false, true]);
    });
  });

  describe('features that are not finite are refused, naming the level', () => {
    const places: [string, number][] = [
      ['at the first element', 0],
      ['in the middle', 1000],
      ['at the last element', SIZE * SIZE - 1],
    ];
    // 255 × 3·10³⁸ is infinite in float32; the other pixels give 0.
    const kinds: NotFinite[] = [
      ['infinity', false, [1, 1, 1, 1]],
      ['infinity in a signed level', true, [1, 1, 1, 1]],
      ['negative infinity', true, [-1, -1, -1, -1]],
      ...(HIDES_NAN.includes(device) ? [] : [NAN_BEHIND_RELU]),
      ['infinity minus infinity in a signed level', true, [1, 1, -1, -1]],
    ];
    const cases = (['float32', 'uint8'] as const).flatMap((dtype) =>
      kinds.flatMap(([kind, signed, second]) =>
        places.map(([where, place]) => [kind, where, dtype, signed, second, place] as const),
      ),
    );

    test.each(cases)('%s %s, in %s', async (_kind, _where, dtype, signed, second, place) => {
      const biases = { 'conv1/bias': [0, 0], 'conv2/bias': [1, 1] };
      const weights = weightsOf({ 'conv1/kernel': [3e38, 3e38, 0, 0, 0, 0], 'conv2/kernel': second, ...biases });
      const session = await compile(stackGraph({ signed }), weights, { dtype });
      await expect(session.run(pixelAt(place), 1)).rejects.toMatchObject({
        code: 'features-not-finite',
        message: expect.stringContaining('C1'),
      });
      await expect(session.run(BLACK.slice(), 1)).resolves.toHaveLength(1);
    });
  });
}
