import type { Level, Tensor } from '../../src/backbone/tensor.js';
import { decodeHalf } from './half.js';

const { abs, max } = Math;

/** Every binary16 by its bits: levels have tens of millions of elements. */
const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => decodeHalf(bits));

/**
 * The largest difference between two levels, over the largest size in the second; infinity where they
 * differ in anything else, or where one is nothing but zeros.
 */
export function relativeDifference(found: Level, expected: Level): number {
  const alike =
    found.name === expected.name &&
    found.stride === expected.stride &&
    found.clipped === expected.clipped &&
    found.tensor.dtype === expected.tensor.dtype &&
    found.tensor.shape.join() === expected.tensor.shape.join() &&
    found.tensor.data.byteLength === expected.tensor.data.byteLength;
  if (!alike) return Infinity;
  const [a, b] = [elementsOf(found.tensor), elementsOf(expected.tensor)];
  const half = expected.tensor.dtype === 'float16';
  let [difference, scale] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const x = half ? HALVES[a[i]!]! : a[i]!;
    const y = half ? HALVES[b[i]!]! : b[i]!;
    // What is not a number compares with nothing, and stays.
    difference = difference >= abs(x - y) ? difference : abs(x - y);
    scale = max(scale, abs(y));
  }
  return scale > 0 && difference >= 0 ? difference / scale : Infinity;
}

function elementsOf({ dtype, data }: Tensor): Float32Array | Uint16Array {
  const { buffer, byteOffset, byteLength } = data;
  return dtype === 'float32'
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : new Uint16Array(buffer, byteOffset, byteLength / 2);
}
