import { describe, expect, test } from '@jest/globals';
import { floatsToHalves, halvesToFloats, portable } from '../../../src/formats/float16.js';
import { decodeHalf, roundToHalf } from '../../support/half.js';

const implementations = [
  ['as it is used on this Node', floatsToHalves],
  ['without Float16Array', (floats: Float32Array) => portable.floatsToHalves(floats)],
] as const;

describe.each(implementations)('floatsToHalves %s', (_, floatsToHalves) => {
  const convert = (values: Iterable<number>) => Array.from(floatsToHalves(Float32Array.from(values)), decodeHalf);
  const halves = Array.from({ length: 65536 }, (_, bits) => decodeHalf(bits)).filter(Number.isFinite);

  test('keeps what float16 has, infinities and the sign of zero included', () => {
    const kept = [...halves, Infinity, -Infinity];
    expect(convert(kept)).toEqual(kept);
    expect([...floatsToHalves(Float32Array.of(0, -0))]).toEqual([0, 0x8000]);
    expect(convert([NaN])).toEqual([NaN]);
  });

  test('rounds to the nearest, and what lies in the middle to the even one', () => {
    const positive = halves.filter((value) => value >= 0).sort((a, b) => a - b);
    const between = positive.slice(1).flatMap((value, i) => {
      const below = positive[i]!;
      return [0.25, 0.5, 0.75].map((part) => below + part * (value - below));
    });
    const values = between.flatMap((value) => [value, -value]);
    const wrong = convert(values).filter((half, i) => half !== roundToHalf(values[i]!));
    expect(wrong).toEqual([]);
  });

  test.each([
    [65519, 65504],
    [65520, Infinity],
    [1e10, Infinity],
    [-3e38, -Infinity],
    [1e-8, 0],
  ])('%d becomes %d', (value, half) => {
    expect(convert([value])).toEqual([half]);
  });
});

test('both implementations give the same bits, to and fro', () => {
  const halves = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits).filter(
    (bits) => !Number.isNaN(decodeHalf(bits)),
  );
  const floats = portable.halvesToFloats(halves);
  expect(halvesToFloats(halves)).toEqual(floats);
  expect(floatsToHalves(floats)).toEqual(halves);
  const mixed = Float32Array.from({ length: 100_000 }, (_, i) => ((i * 0x9e3779b9) % 2 ** 32) * 2 ** ((i % 70) - 62));
  expect(floatsToHalves(mixed)).toEqual(portable.floatsToHalves(mixed));
});

describe('the half-precision arithmetic of these tests', () => {
  test('rounding leaves each of the finite halves where it is', () => {
    const finite = Array.from({ length: 65536 }, (_, bits) => decodeHalf(bits)).filter(Number.isFinite);
    expect(finite).toHaveLength(2 * 31 * 1024);
    expect(finite.filter((value) => Math.abs(roundToHalf(value) - value) !== 0)).toEqual([]);
  });

  test.each([
    [1 + 2 ** -11, 1],
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2 ** -23],
    [65519, 65504],
    [65520, Infinity],
    [-65520, -Infinity],
  ])('%d rounds to %d', (value, rounded) => {
    expect(roundToHalf(value)).toBe(rounded);
  });
});
