import { describe, expect, test } from '@jest/globals';
import { DTYPES, type Level } from '../../../src/backbone/tensor.js';
import { describeLevel } from '../../../src/features/feature-set.js';
import { converter, levelAs, SENT_DTYPES } from '../../../src/features/level-values.js';
import { roundToHalf } from '../../support/half.js';
import { numberLevel } from '../../support/pyramids.js';
import { largestAbsolute, largestDifference, numbersOf } from '../../support/tensors.js';

const converted = (level: Level, dtype: (typeof SENT_DTYPES)[number], from = 0) => {
  const data = Uint8Array.from(converter(describeLevel(level), dtype)(level.tensor.data.subarray(from)));
  return numbersOf({ ...level.tensor, dtype, data });
};

function levelOfFloats(...values: number[]): Level {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { name: 'C1', stride: 2, tensor: { dtype: 'float32', shape: [1, 1, values.length], data }, clipped: false };
}

describe.each(DTYPES)('%s', (stored) => {
  const level = numberLevel('P3', [5, 7, 9], 8, stored);
  const values = numbersOf(level.tensor);

  test('as float32 is what it stands for', () => {
    const limit = stored === 'uint8' ? 1e-7 * largestAbsolute(values) : 0;
    expect(largestDifference(converted(level, 'float32'), values)).toBeLessThanOrEqual(limit);
  });

  test('as float16 is that, rounded to the nearest', () => {
    expect(largestDifference(converted(level, 'float16'), values.map(Math.fround).map(roundToHalf))).toBe(0);
  });

  test.each(SENT_DTYPES)('any part of it as %s is that part of the whole, wherever it lies in memory', (dtype) => {
    const bytes = level.tensor.data.byteLength / values.length;
    expect(converted(level, dtype, 11 * bytes)).toEqual(converted(level, dtype).subarray(11));
  });
});

test('every integer: 0 stands where the zero point is', () => {
  const quantization = { scale: Math.fround(0.037), zeroPoint: 91 };
  const data = Uint8Array.from({ length: 256 }, (_, q) => q);
  const tensor = { dtype: 'uint8', shape: [1, 1, 256], data, quantization } as const;
  const level: Level = { name: 'C1', stride: 4, tensor, clipped: false };
  for (const dtype of SENT_DTYPES) {
    const found = converted(level, dtype);
    expect(found[91]).toBe(0);
    expect([found[0]! < 0, found[255]! > 0]).toEqual([true, true]);
  }
  expect([...converted(level, 'float32')]).toEqual(
    Array.from(data, (q) => Math.fround(quantization.scale * (q - quantization.zeroPoint))),
  );
});

test('what float16 cannot hold is clipped, not infinite', () => {
  const level = levelOfFloats(1e6, -1e6, 65504, 65519, 65520, -0, 1e-9);
  expect([...converted(level, 'float16')]).toEqual([65504, -65504, 65504, 65504, 65504, -0, 0]);
  const tensor = { dtype: 'uint8', shape: [1, 1, 1], data: Uint8Array.of(255) } as const;
  const large = { ...tensor, quantization: { scale: 1000, zeroPoint: 0 } };
  expect([...converted({ ...level, tensor: large }, 'float16')]).toEqual([65504]);
});

test('a level is described in the type in which it is sent', () => {
  const stored = describeLevel(numberLevel('P3', [5, 7, 9], 8, 'uint8'));
  expect(levelAs(stored, undefined)).toBe(stored);
  expect(JSON.parse(JSON.stringify(levelAs(stored, 'float16')))).toEqual({
    name: 'P3',
    shape: [5, 7, 9],
    dtype: 'float16',
    layout: 'nhwc',
    stride: 8,
    channels: 9,
  });
  const floats = describeLevel(numberLevel('P3', [5, 7, 9], 8, 'float32'));
  expect(levelAs(floats, 'float32')).toBe(floats);
});
