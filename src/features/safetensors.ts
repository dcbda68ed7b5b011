import { Readable } from 'node:stream';
import { BYTES_PER_ELEMENT, type Dtype } from '../backbone/tensor.js';
import { writeHead, type SafetensorsDtype } from '../formats/safetensors/write.js';
import type { Description, FeatureSet, LevelDescription } from './feature-set.js';

const SAFETENSORS_DTYPE = { float32: 'F32', float16: 'F16', uint8: 'U8' } as const satisfies Record<
  Dtype,
  SafetensorsDtype
>;

/**
 * The head of a safetensors file with the given levels. Its metadata are the set's provenance, the levels' strides, the
 * scale and zero point of those that are integers, and `more`.
 */
export function safetensorsHeader(
  description: Description,
  levels: readonly LevelDescription[],
  more: Readonly<Record<string, unknown>> = {},
): Buffer {
  const strides = Object.fromEntries(levels.map((level) => [level.name, level.stride]));
  const integers = levels.flatMap(({ name, quantization }) => (quantization ? [[name, quantization] as const] : []));
  const quantization = integers.length > 0 && { quantization: Object.fromEntries(integers) };
  const heads = levels.map(({ name, dtype, shape }) => ({ name, dtype: SAFETENSORS_DTYPE[dtype], shape }));
  return writeHead({ ...provenanceOf(description), strides, ...quantization, ...more }, heads);
}

/** A description without its levels, which the header declares itself. */
export function provenanceOf(description: Description): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(description).filter(([key]) => key !== 'levels'));
}

/** Bytes of one level's data. */
export function levelBytes({ shape, dtype }: LevelDescription): number {
  return shape.reduce((product, length) => product * length, BYTES_PER_ELEMENT[dtype]);
}

/** A feature set in memory as the bytes of a safetensors file; tensor names are level names. */
export function writeSafetensors({ description, levels }: FeatureSet): Readable {
  return Readable.from([
    safetensorsHeader(description, description.levels),
    ...levels.map(({ tensor }) => tensor.data),
  ]);
}
