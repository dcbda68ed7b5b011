import { describe, expect, test } from '@jest/globals';
import { toFloat32 } from '../../../src/formats/floats.js';
import { decodeHalf } from '../../support/half.js';

function bytesOf(numbers: Uint16Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>) {
  return new Uint8Array(numbers.buffer);
}

describe('toFloat32', () => {
  test('every float16 is the number that it stands for', () => {
    const bits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
    const floats = toFloat32(bytesOf(bits), 'float16');
    const wrong = [...bits].filter((half) => !Object.is(floats[half], decodeHalf(half)));
    expect(wrong).toEqual([]);
  });

  test('bfloat16 is the upper half of a float32', () => {
    const floats = Float32Array.of(1, -2.5, 2 ** -130, 3e38, -0, Infinity, NaN);
    const halves = Uint16Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16);
    const exact = toFloat32(bytesOf(halves), 'bfloat16');
    expect([...exact.slice(0, 3)]).toEqual([1, -2.5, 2 ** -130]);
    expect(exact[3]).toBeCloseTo(3e38, -37);
    expect([...exact.slice(4)]).toEqual([-0, Infinity, NaN]);
  });

  test('float64 is rounded, and is infinite beyond float32', () => {
    const floats = toFloat32(bytesOf(Float64Array.of(0.1, 1e39, -1e39, 1e-60)), 'float64');
    expect([...floats]).toEqual([Math.fround(0.1), Infinity, -Infinity, 0]);
  });

  test('float32 is not copied', () => {
    const floats = Float32Array.of(1, 2);
    expect(toFloat32(bytesOf(floats), 'float32').buffer).toBe(floats.buffer);
  });
});
