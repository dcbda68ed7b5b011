import { Readable } from 'node:stream';
import { BYTES_PER_ELEMENT, type Dtype } from '../backbone/tensor.js';
import type { Description, FeatureSet, LevelDescription } from './feature-set.js';

const BYTES = { F32: 4, F16: 2, U8: 1 } as const;
const SAFETENSORS_DTYPE = { float32: 'F32', float16: 'F16' } as const satisfies Record<Dtype, string>;
const ALIGNMENT = 8;

/** A tensor as the header of a safetensors file tells of it. */
export interface TensorHead {
  readonly name: string;
  readonly dtype: keyof typeof BYTES;
  readonly shape: readonly number[];
}

/**
 * The head of a safetensors file whose tensors follow each other in the given order: 8 bytes of length,
 * then the JSON, padded with spaces so that the data begins aligned. The format requires metadata to be
 * strings; what is not, is written as JSON.
 */
export function writeHead(metadata: Readonly<Record<string, unknown>>, tensors: readonly TensorHead[]): Buffer {
  const strings = Object.entries(metadata).map(([key, value]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const header: Record<string, unknown> = { __metadata__: Object.fromEntries(strings) };
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = offset + tensorBytes({ name, dtype, shape });
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const head = Buffer.alloc(8 + padded, ' ');
  head.writeBigUInt64LE(BigInt(padded));
  json.copy(head, 8);
  return head;
}

/** Bytes of a tensor's data. */
export function tensorBytes({ dtype, shape }: TensorHead): number {
  return shape.reduce((product, length) => product * length, BYTES[dtype]);
}

/** The head of a file that holds the given levels; how the set was made travels as metadata, and so does `more`. */
export function safetensorsHeader(
  description: Description,
  levels: readonly LevelDescription[],
  more: Readonly<Record<string, unknown>> = {},
): Buffer {
  const strides = Object.fromEntries(levels.map((level) => [level.name, level.stride]));
  const heads = levels.map(({ name, dtype, shape }) => ({ name, dtype: SAFETENSORS_DTYPE[dtype], shape }));
  return writeHead({ ...howMade(description), strides, ...more }, heads);
}

/** A description without its levels, which the header tells of itself. */
export function howMade(description: Description): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(description).filter(([key]) => key !== 'levels'));
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
