import { crc32 } from 'node:zlib';
import { sizeOf } from '../graph/summary.js';
import { FLOAT_BYTES, FLOATS_READ, swapBytes, toFloat32 } from '../../formats/floats.js';
import {
  fromFortranOrder,
  MAX_NPY_HEADER_BYTES,
  npyDataStart,
  npyFloatType,
  NPY_PREFIX_BYTES,
  parseNpyHeader,
  type NpyHeader,
} from '../../formats/npy-header.js';
import { tensorPath, unreadable, type WeightsEntry, type WeightsReader } from './weights-reader.js';
import type { Entry, ZipReader } from '../../formats/zip/zip-reader.js';

interface Member {
  readonly entry: Entry;
  readonly header: NpyHeader;
  readonly dataStart: number;
}

/** A whole Mask R-CNN has about 400. Each is opened to see its shape. */
export const MAX_ARRAYS = 10_000;

const SAVE_ARRAYS = 'save each array under its own name: np.savez("weights.npz", **{name: array, …})';

/**
 * Opens a numpy archive: a zip with one `<name>.npy` per array. Takes over `zip`, and closes it when
 * its arrays cannot be read.
 *
 * @throws CairnError `weights-unreadable`.
 */
export async function openNpz(path: string, zip: ZipReader): Promise<WeightsReader> {
  const members = new Map<WeightsEntry, Member>();
  try {
    const arrays = [...zip.entries].filter(([fileName]) => fileName.endsWith('.npy'));
    if (arrays.length > MAX_ARRAYS) {
      throw unreadable(path, `it has ${arrays.length} arrays; the limit is ${MAX_ARRAYS}`);
    }
    for (const [fileName, entry] of arrays) {
      const member = await openMember(path, zip, entry);
      const name = tensorPath(fileName.slice(0, -'.npy'.length));
      members.set({ path: name, shape: member.header.shape, dtype: member.header.descr }, member);
    }
    if ([...members.values()].every(({ header }) => isObjects(header))) {
      throw unreadable(path, `it holds Python objects only, which are pickles and are not read; ${SAVE_ARRAYS}`);
    }
  } catch (error) {
    await zip.close();
    throw error;
  }
  const entries = [...members.keys()];
  return {
    format: 'npz',
    entries: () => entries,
    read: (entry) => readFloats(path, zip, entry, members.get(entry)!),
    close: () => zip.close(),
  };
}

async function openMember(path: string, zip: ZipReader, entry: Entry): Promise<Member> {
  try {
    const start = await zip.read(entry, Math.min(entry.uncompressedSize, NPY_PREFIX_BYTES + MAX_NPY_HEADER_BYTES));
    const dataStart = npyDataStart(start);
    const header = parseNpyHeader(start.subarray(0, dataStart));
    const bytes = sizeOf(header.shape) * FLOAT_BYTES[npyFloatType(header.descr)?.type ?? 'float32'];
    if (npyFloatType(header.descr) && dataStart + bytes !== entry.uncompressedSize) {
      throw new Error(`its shape is [${header.shape.join(', ')}], its size ${entry.uncompressedSize} bytes`);
    }
    return { entry, header, dataStart };
  } catch (cause) {
    throw unreadable(path, `${entry.fileName} cannot be read: ${reason(cause)}`, cause);
  }
}

async function readFloats(
  path: string,
  zip: ZipReader,
  { path: name, shape, dtype }: WeightsEntry,
  { entry, header, dataStart }: Member,
): Promise<Float32Array> {
  if (isObjects(header))
    throw unreadable(path, `${name} is a Python object, a pickle, and is not read; ${SAVE_ARRAYS}`);
  const float = npyFloatType(dtype);
  if (!float) throw unreadable(path, `${name} has type ${dtype}; ${FLOATS_READ}, bfloat16 not from npz`);
  let bytes: Buffer<ArrayBuffer>;
  try {
    bytes = await zip.read(entry, entry.uncompressedSize);
    if (crc32(bytes) !== entry.crc32) throw new Error('its checksum is wrong');
  } catch (cause) {
    throw unreadable(path, `${name} cannot be read: ${reason(cause)}`, cause);
  }
  // A copy is aligned.
  const data = new Uint8Array(bytes.subarray(dataStart));
  if (float.bigEndian) swapBytes(data, FLOAT_BYTES[float.type]);
  const values = toFloat32(data, float.type);
  return header.fortranOrder ? fromFortranOrder(values, shape) : values;
}

function isObjects({ descr }: NpyHeader): boolean {
  return descr.includes('O');
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
