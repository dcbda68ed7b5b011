import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { sizeOf } from '../graph/summary.js';
import { FLOAT_BYTES, FLOATS_READ, toFloat32, type FloatType } from '../floats.js';
import { tensorPath, unreadable, type WeightsEntry, type WeightsReader } from './weights-reader.js';

/** The format's own limit on its JSON header. */
export const MAX_HEADER_BYTES = 100_000_000;
const MAX_DIMENSIONS = 8;

const FLOAT_TYPES: Readonly<Record<string, FloatType>> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
};

const headerSchema = z.record(
  z.string(),
  z.object({
    dtype: z.string(),
    shape: z.array(z.int().nonnegative()).max(MAX_DIMENSIONS),
    data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
  }),
);
type Header = z.infer<typeof headerSchema>;

/**
 * Opens a safetensors file. Every length in the header is checked against the file before anything of
 * that length is allocated.
 *
 * @throws CairnError `weights-unreadable` when the header does not describe the file.
 */
export async function openSafetensorsFile(path: string): Promise<WeightsReader> {
  const file = await open(path, 'r');
  try {
    const { header, dataStart, size } = await readHeader(file, path);
    checkOffsets(header, size - dataStart, path);
    const offsets = new Map<WeightsEntry, number>();
    for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
      offsets.set({ path: tensorPath(name), shape, dtype }, dataStart + data_offsets[0]);
    }
    const entries = [...offsets.keys()];
    return {
      format: 'safetensors',
      entries: () => entries,
      read: (entry) => readFloats(file, path, entry, offsets.get(entry)!),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readHeader(file: FileHandle, path: string) {
  const { size } = await file.stat();
  const prefix = await readExactly(file, path, 0, 8);
  const length = prefix.readBigUInt64LE();
  if (length > MAX_HEADER_BYTES || 8 + Number(length) > size) {
    throw unreadable(path, `it is neither HDF5, npz nor safetensors (header length ${length} of ${size} bytes)`);
  }
  const text = (await readExactly(file, path, 8, Number(length))).toString('utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, 'its header is not JSON', cause);
  }
  if (typeof json !== 'object' || json === null) throw unreadable(path, 'its header is not an object');
  const tensors = Object.fromEntries(Object.entries(json).filter(([name]) => name !== '__metadata__'));
  const header = headerSchema.safeParse(tensors);
  if (!header.success) throw unreadable(path, `its header is malformed (${header.error.issues[0]?.message})`);
  return { header: header.data, dataStart: 8 + Number(length), size };
}

/**
 * The format wants the data covered by the tensors, without overlaps and holes. JSON keeps the last of
 * two entries of one name, so a name given twice shows as a hole.
 */
function checkOffsets(header: Header, dataBytes: number, path: string): void {
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    const [begin, end] = data_offsets;
    const type = FLOAT_TYPES[dtype];
    if (end < begin || end > dataBytes) throw unreadable(path, `${name} lies outside the file`);
    if (type && sizeOf(shape) * FLOAT_BYTES[type] !== end - begin) {
      throw unreadable(path, `${name} declares shape [${shape.join(', ')}] of ${dtype} over ${end - begin} bytes`);
    }
  }
  let covered = 0;
  const ordered = Object.entries(header).sort(([, a], [, b]) => compareOffsets(a.data_offsets, b.data_offsets));
  for (const [name, { data_offsets }] of ordered) {
    const [begin, end] = data_offsets;
    if (begin < covered) throw unreadable(path, `${name} overlaps with another tensor`);
    if (begin > covered) throw unreadable(path, `bytes ${covered} to ${begin} of its data belong to no tensor`);
    covered = end;
  }
  if (covered < dataBytes) throw unreadable(path, `bytes ${covered} to ${dataBytes} of its data belong to no tensor`);
}

function compareOffsets(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] - b[0] || a[1] - b[1];
}

async function readFloats(file: FileHandle, path: string, entry: WeightsEntry, at: number): Promise<Float32Array> {
  const { path: name, shape, dtype } = entry;
  const type = FLOAT_TYPES[dtype];
  if (!type) throw unreadable(path, `${name} has type ${dtype}; ${FLOATS_READ}`);
  // Node allocates buffers of this kind at offset 0 of their own memory, so they are aligned.
  return toFloat32(await readExactly(file, path, at, sizeOf(shape) * FLOAT_BYTES[type]), type);
}

async function readExactly(file: FileHandle, path: string, at: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.from(new ArrayBuffer(length));
  const { bytesRead } = await file.read(buffer, 0, length, at);
  if (bytesRead !== length) throw unreadable(path, `it ends ${length - bytesRead} bytes early`);
  return buffer;
}
