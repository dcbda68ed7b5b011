import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { CairnError } from '../../errors.js';
import { sizeOf } from '../graph/summary.js';
import { splitTensorPath, type WeightsEntry, type WeightsReader } from './weights-reader.js';

/** The format's own limit on its JSON header. */
const MAX_HEADER_BYTES = 100_000_000;
const MAX_DIMENSIONS = 8;

const ELEMENT_BYTES: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

const headerSchema = z.record(
  z.string(),
  z.object({
    dtype: z.string(),
    shape: z.array(z.int().nonnegative()).max(MAX_DIMENSIONS),
    data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
  }),
);

/**
 * Opens a safetensors file of layer parameters. Every length in the header is checked against the
 * file before anything of that length is allocated.
 *
 * @throws CairnError `weights-unreadable` when the header does not describe the file.
 */
export async function openSafetensorsFile(path: string): Promise<WeightsReader> {
  const file = await open(path, 'r');
  try {
    const { header, dataStart, size } = await readHeader(file, path);
    const offsets = new Map<WeightsEntry, number>();
    for (const [name, tensor] of Object.entries(header)) {
      const { dtype, shape, data_offsets } = tensor;
      const [begin, end] = data_offsets;
      const elementBytes = ELEMENT_BYTES[dtype];
      if (end < begin || dataStart + end > size) throw unreadable(path, `${name} lies outside the file`);
      if (elementBytes && sizeOf(shape) * elementBytes !== end - begin) {
        throw unreadable(path, `${name} declares shape [${shape.join(', ')}] of ${dtype} over ${end - begin} bytes`);
      }
      offsets.set({ ...splitTensorPath(name), shape, dtype }, dataStart + begin);
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
    throw unreadable(path, `it is neither HDF5 nor safetensors (header length ${length} of ${size} bytes)`);
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

async function readFloats(file: FileHandle, path: string, entry: WeightsEntry, at: number): Promise<Float32Array> {
  const { layer, parameter, shape, dtype } = entry;
  if (dtype !== 'F32' && dtype !== 'F64') {
    throw unreadable(path, `${layer}/${parameter} has type ${dtype}, not F32 or F64`);
  }
  const bytes = await readExactly(file, path, at, sizeOf(shape) * ELEMENT_BYTES[dtype]!);
  // Node allocates buffers of this kind at offset 0 of their own memory, so the view is aligned.
  return dtype === 'F32' ? new Float32Array(bytes.buffer) : Float32Array.from(new Float64Array(bytes.buffer));
}

async function readExactly(file: FileHandle, path: string, at: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.from(new ArrayBuffer(length));
  const { bytesRead } = await file.read(buffer, 0, length, at);
  if (bytesRead !== length) throw unreadable(path, `it ends ${length - bytesRead} bytes early`);
  return buffer;
}

function unreadable(path: string, why: string, cause?: unknown): CairnError {
  return new CairnError('weights-unreadable', `${path} is not a usable weights file: ${why}.`, { cause });
}
