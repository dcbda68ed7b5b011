import { z } from 'zod';
import type { ByteSource } from '../../files/byte-source.js';
import { FLOAT_BYTES, type FloatType } from '../floats.js';
import { countJsonValues } from '../json-values.js';

/** The format's own limit on its JSON header. */
export const MAX_HEADER_BYTES = 100_000_000;
/** A whole Mask R-CNN has about 400 tensors, in a header of 60 kB. */
export const MAX_TENSORS = 10_000;
/** What is read of a header: that of `MAX_TENSORS` with names of hundreds of characters. */
export const MAX_READ_HEADER_BYTES = 8 << 20;
/** A tensor has twelve values with a shape of four dimensions; the metadata have theirs besides. */
const MAX_HEADER_VALUES = 20 * MAX_TENSORS;
const MAX_DIMENSIONS = 8;

const headerSchema = z.record(
  z.string(),
  z.object({
    dtype: z.string(),
    shape: z.array(z.int().nonnegative()).max(MAX_DIMENSIONS),
    data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
  }),
);

export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Of its data, from the start of the file. */
  readonly start: number;
  readonly bytes: number;
}

/**
 * The tensors that a safetensors file declares. Every length is checked against the file before anything
 * of that length is allocated.
 *
 * @throws Error, its message a clause about the file, when the header does not describe the file.
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsEntry[]> {
  const { size } = source;
  const length = (await source.read(0, 8)).readBigUInt64LE();
  if (length > MAX_HEADER_BYTES || 8 + Number(length) > size) {
    throw new Error(`it is neither HDF5, npz nor safetensors (header length ${length} of ${size} bytes)`);
  }
  if (length > MAX_READ_HEADER_BYTES) {
    throw new Error(`its header has ${length} bytes; the limit is ${MAX_READ_HEADER_BYTES}`);
  }
  const dataStart = 8 + Number(length);
  const header = await source.read(8, Number(length));
  // Parsed, each value takes tens of bytes, however short it is.
  if (countJsonValues(header, MAX_HEADER_VALUES) > MAX_HEADER_VALUES) {
    throw new Error(`its header has more values than ${MAX_TENSORS} tensors need, which is the limit`);
  }
  const tensors = parseHeader(header.toString('utf8'));
  if (tensors.length > MAX_TENSORS) throw new Error(`it has ${tensors.length} tensors; the limit is ${MAX_TENSORS}`);
  checkOffsets(tensors, size - dataStart);
  return tensors.map((tensor) => ({ ...tensor, start: dataStart + tensor.start }));
}

/** `start` counts from the first tensor here. */
function parseHeader(text: string): SafetensorsEntry[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error('its header is not JSON', { cause });
  }
  if (typeof json !== 'object' || json === null) throw new Error('its header is not an object');
  const tensors = Object.fromEntries(Object.entries(json).filter(([name]) => name !== '__metadata__'));
  const header = headerSchema.safeParse(tensors);
  if (!header.success) throw new Error(`its header is malformed (${header.error.issues[0]?.message})`);
  return Object.entries(header.data).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [start, end],
      },
    ]) => {
      return { name, dtype, shape, start, bytes: end - start };
    },
  );
}

/**
 * The format requires tensors to cover the data without overlaps and holes. JSON keeps the last of two
 * entries with one name, so a repeated name shows as a hole.
 */
function checkOffsets(tensors: readonly SafetensorsEntry[], dataBytes: number): void {
  const ordered = tensors.toSorted((a, b) => a.start - b.start || a.bytes - b.bytes);
  for (const { name, dtype, shape, start, bytes } of ordered) {
    if (bytes < 0 || start + bytes > dataBytes) throw new Error(`${name} lies outside the file`);
    const type = floatTypeOf(dtype);
    if (type && shape.reduce((product, length) => product * length, FLOAT_BYTES[type]) !== bytes) {
      throw new Error(`${name} declares shape [${shape.join(', ')}] of ${dtype} over ${bytes} bytes`);
    }
  }
  let covered = 0;
  for (const { name, start, bytes } of ordered) {
    if (start < covered) throw new Error(`${name} overlaps with another tensor`);
    if (start > covered) throw new Error(`bytes ${covered} to ${start} of its data belong to no tensor`);
    covered = start + bytes;
  }
  if (covered < dataBytes) throw new Error(`bytes ${covered} to ${dataBytes} of its data belong to no tensor`);
}

const FLOATS: Readonly<Record<string, FloatType>> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
};

/** The type of number that `F32` names, or undefined when it is not a supported float. */
export function floatTypeOf(dtype: string): FloatType | undefined {
  return FLOATS[dtype];
}
