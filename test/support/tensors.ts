import type { Level, Tensor } from '../../src/backbone/tensor.js';
import { decodeHalf } from './half.js';

// In jest's realm each access to a global is slow, and these loops are long.
const { abs, imul, sqrt } = Math;
const { isNaN } = Number;

/** The elements of a tensor as numbers, integers as the values that they stand for. */
export function numbersOf({ dtype, data, quantization }: Tensor): Float64Array {
  const bytes = data.slice();
  if (dtype === 'uint8') {
    const { scale, zeroPoint } = quantization!;
    return Float64Array.from(bytes, (integer) => scale * (integer - zeroPoint));
  }
  return dtype === 'float32'
    ? Float64Array.from(new Float32Array(bytes.buffer))
    : Float64Array.from(new Uint16Array(bytes.buffer), decodeHalf);
}

export function meanAndDeviation(values: Float64Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: sqrt(variance) };
}

/** The sum of the values and the sum of their sizes. */
export function sumsOf(values: Float32Array): { sum: number; absolute: number } {
  let [sum, absolute] = [0, 0];
  for (const value of values) {
    sum += value;
    absolute += abs(value);
  }
  return { sum, absolute };
}

/** The largest difference between two tensors, or infinity where they differ in length or in a NaN. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = abs(a[i]! - b[i]!);
    if (isNaN(difference)) return Infinity;
    if (difference > largest) largest = difference;
  }
  return largest;
}

export function largestAbsolute(values: Float64Array): number {
  return values.reduce((largest, value) => (abs(value) > largest ? abs(value) : largest), 0);
}

/** The level called `name`. */
export function levelOf(levels: readonly Level[], name: string): Level {
  const level = levels.find((candidate) => candidate.name === name);
  if (!level) throw new Error(`there is no level ${name}`);
  return level;
}

/** A source of numbers in [0, 1) that are the same in every run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = imul(state ^ (state >>> 15), state | 1);
    t ^= t + imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A tensor `[height, width, channels]` as `[channels, height, width]`. */
export function channelsFirst({ dtype, shape, data, ...rest }: Tensor): Tensor {
  const [height, width, channels] = shape as [number, number, number];
  const Elements = { float32: Uint32Array, float16: Uint16Array, uint8: Uint8Array }[dtype];
  const from = new Elements(data.slice().buffer);
  const to = new Elements(from.length);
  for (let cell = 0, at = 0; cell < height * width; cell++) {
    for (let channel = 0; channel < channels; channel++) to[channel * height * width + cell] = from[at++]!;
  }
  return { ...rest, dtype, layout: 'nchw', shape: [channels, height, width], data: new Uint8Array(to.buffer) };
}
