import type { Dtype, Level } from '../../src/backbone/tensor.js';
import { describeLevel, type FeatureSet } from '../../src/features/feature-set.js';
import { featureSet } from './feature-sets.js';
import { channelsFirst, randomNumbers } from './tensors.js';

/** Every 2 MiB of a level repeat: random numbers are slow in jest's realm. */
const PATTERN_BYTES = 1 << 21;

/** A level of numbers between -2 and 2; the scale and zero point of integers depend on the stride. */
export function numberLevel(
  name: string,
  shape: readonly [number, number, number],
  stride: number,
  dtype: Dtype = 'float32',
): Level {
  const random = randomNumbers(stride * 100 + Number(name[1]));
  const length = shape[0] * shape[1] * shape[2];
  const own = Math.min(length, PATTERN_BYTES / 4);
  const makers = {
    float32: () => Float32Array.from({ length: own }, () => random() * 4 - 2),
    // Binary16 with exponents from -4 to 0, of either sign.
    float16: () =>
      Uint16Array.from({ length: own }, () => 0x2c00 + Math.floor(random() * 0x1400) + (random() < 0.5 ? 0x8000 : 0)),
    uint8: () => Uint8Array.from({ length: own }, () => random() * 256),
  };
  const pattern = makers[dtype]();
  const data = new Uint8Array(length * pattern.BYTES_PER_ELEMENT);
  const bytes = new Uint8Array(pattern.buffer);
  for (let at = 0; at < data.length; at += bytes.length) data.set(bytes.subarray(0, data.length - at), at);
  const zeroPoint = 100 + stride;
  const quantization = dtype === 'uint8' && { quantization: { scale: Math.fround(2 / zeroPoint), zeroPoint } };
  return { name, stride, tensor: { dtype, shape, data, ...quantization }, clipped: false };
}

/** A feature set of the given levels. */
export function setOf(levels: readonly Level[], size: number): FeatureSet {
  const { description } = featureSet([]);
  return { levels, description: { ...description, size, levels: levels.map((level) => describeLevel(level)) } };
}

/** P2 to P5 of a canvas. */
export function pyramid(size: number, channels: number, dtype: Dtype = 'float32'): FeatureSet {
  const levels = [4, 8, 16, 32].map((stride, i) =>
    numberLevel(`P${i + 2}`, [size / stride, size / stride, channels], stride, dtype),
  );
  return setOf(levels, size);
}

/** The same set with the channels first. */
export function inNchw(set: FeatureSet, size: number): FeatureSet {
  return setOf(
    set.levels.map((level) => ({ ...level, tensor: channelsFirst(level.tensor) })),
    size,
  );
}
