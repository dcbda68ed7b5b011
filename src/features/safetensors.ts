import { Readable } from 'node:stream';
import { BYTES_PER_ELEMENT, type Dtype } from '../backbone/tensor.js';
import type { Description, FeatureSet, LevelDescription } from './feature-set.js';

const SAFETENSORS_DTYPE: Record<Dtype, string> = { float32: 'F32', float16: 'F16' };
const ALIGNMENT = 8;

/**
 * The head of a safetensors file whose tensors are the given levels in the given order: 8 bytes of
 * length, then the JSON, padded with spaces so that the data begins aligned. How the set was made
 * travels in `__metadata__`, whose values the format requires to be strings.
 */
export function safetensorsHeader(description: Description, levels: readonly LevelDescription[]): Buffer {
  const made = Object.entries(description).filter(([key]) => key !== 'levels');
  const metadata = made.map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const strides = Object.fromEntries(levels.map((level) => [level.name, level.stride]));
  const header: Record<string, unknown> = {
    __metadata__: { ...Object.fromEntries(metadata), strides: JSON.stringify(strides) },
  };
  let offset = 0;
  for (const level of levels) {
    const end = offset + levelBytes(level);
    header[level.name] = { dtype: SAFETENSORS_DTYPE[level.dtype], shape: level.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const head = Buffer.alloc(8 + padded, ' ');
  head.writeBigUInt64LE(BigInt(padded));
  json.copy(head, 8);
  return head;
}

/** Bytes of one level's data. */
export function levelBytes({ shape, dtype }: LevelDescription): number {
  return shape[0] * shape[1] * shape[2] * BYTES_PER_ELEMENT[dtype];
}

/** A feature set in memory as the bytes of a safetensors file; tensor names are level names. */
export function writeSafetensors({ description, levels }: FeatureSet): Readable {
  return Readable.from([
    safetensorsHeader(description, description.levels),
    ...levels.map(({ tensor }) => tensor.data),
  ]);
}
