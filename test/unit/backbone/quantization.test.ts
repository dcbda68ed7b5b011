import { describe, expect, test } from '@jest/globals';
import { quantizationFor } from '../../../src/backbone/quantization.js';

describe('quantizationFor', () => {
  test.each([
    [[0, 255], 1, 0],
    [[0, 5.1], Math.fround(0.02), 0],
    // 127.5 steps: to even.
    [[-1, 1], Math.fround(2 / 255), 128],
    [[-255, 0], 1, 255],
    // 0 is always in the range: padding and ReLU need it.
    [[51, 255], 1, 0],
    [[-255, -51], 1, 255],
  ] as const)('%j', (range, scale, zeroPoint) => {
    expect(quantizationFor(range)).toEqual({ scale, zeroPoint });
  });

  test('a range without extent gets a scale that can be divided by', () => {
    expect(quantizationFor([0, 0])).toEqual({ scale: 1, zeroPoint: 0 });
    expect(quantizationFor([0, 1e-50])).toEqual({ scale: 1, zeroPoint: 0 });
  });
});
