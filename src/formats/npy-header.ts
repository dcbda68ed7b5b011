import type { FloatType } from './floats.js';

/** numpy's own limit on the header that it would parse. */
export const MAX_NPY_HEADER_BYTES = 10_000;
/** Magic, version and the length of the header, in the longer form. */
export const NPY_PREFIX_BYTES = 12;
const MAX_DIMENSIONS = 8;

const MAGIC = '\x93NUMPY';
/**
 * numpy writes the header with `repr`, keys in this order; a `descr` that is a list is a structured type.
 * Python 2 marked long integers, and other libraries leave out the last comma.
 */
const HEADER =
  /^\{'descr': ('[^']*'|\[.*\]), 'fortran_order': (True|False), 'shape': \(((?:\d{1,15}L?(?:, ?|(?=\))))*)\),? ?\}\s*$/;

export interface NpyHeader {
  /** As the file has it, such as `<f4`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/**
 * Where the header of an npy file ends, by its first `NPY_PREFIX_BYTES` bytes.
 *
 * @throws Error when they do not begin an npy file of version 1 to 3, or announce too long a header.
 */
export function npyDataStart(prefix: Buffer): number {
  if (prefix.length < NPY_PREFIX_BYTES || prefix.toString('latin1', 0, 6) !== MAGIC) throw new Error('it is not npy');
  const version = prefix[6]!;
  if (version < 1 || version > 3) throw new Error(`its npy version is ${version}`);
  const [at, length] = version === 1 ? [10, prefix.readUInt16LE(8)] : [12, prefix.readUInt32LE(8)];
  if (length > MAX_NPY_HEADER_BYTES) throw new Error(`its npy header has ${length} bytes`);
  return at + length;
}

/**
 * Parses the bytes up to `npyDataStart`.
 *
 * @throws Error when numpy would not write such a header.
 */
export function parseNpyHeader(bytes: Buffer): NpyHeader {
  const text = bytes.toString('latin1', bytes[6] === 1 ? 10 : 12);
  const [, descr, order, lengths] = HEADER.exec(text) ?? [];
  if (descr === undefined) throw new Error('its npy header is malformed');
  const shape = (lengths!.match(/\d+/g) ?? []).map(Number);
  if (shape.length > MAX_DIMENSIONS) throw new Error(`it has ${shape.length} axes`);
  return { descr: descr.replaceAll("'", ''), fortranOrder: order === 'True', shape };
}

const FLOATS: Readonly<Record<string, FloatType>> = { f2: 'float16', f4: 'float32', f8: 'float64' };

/** The type of number that `<f4` names, or undefined when it is not a supported float. */
export function npyFloatType(descr: string): { type: FloatType; bigEndian: boolean } | undefined {
  const type = /^[<>]/.test(descr) ? FLOATS[descr.slice(1)] : undefined;
  return type && { type, bigEndian: descr.startsWith('>') };
}

/** Values in Fortran order (the first axis runs fastest) → C order. */
export function fromFortranOrder(values: Float32Array, shape: readonly number[]): Float32Array {
  const ordered = new Float32Array(values.length);
  const steps: number[] = [];
  shape.reduce((step, length) => (steps.push(step), step * length), 1);
  const index = shape.map(() => 0);
  for (let to = 0, from = 0; to < ordered.length; to++) {
    ordered[to] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return ordered;
}
