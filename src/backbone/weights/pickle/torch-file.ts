import type { ByteSource } from '../../../files/byte-source.js';
import { FLOAT_BYTES } from '../../../formats/floats.js';
import { PickleBytes } from '../../../formats/pickle/pickle-bytes.js';
import { unpickle } from '../../../formats/pickle/unpickle.js';
import type { WeightsReader } from '../weights-reader.js';
import { findGlobal, StorageTable } from './globals.js';
import { floatsOf, floatType, readerOf, type TensorSource } from './pickle-reader.js';
import { findStateDict } from './state-dict.js';
import { toContiguous, TorchTensor, type TorchStorage } from './tensors.js';

/** Bytes of one element, for the types that a storage may have. */
export const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  ...FLOAT_BYTES,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
  complex64: 8,
  complex128: 16,
};

/** Where the bytes of a storage lie. */
export type StoragePlaces = ReadonlyMap<TorchStorage, ByteSource>;

/** The object in a pickle of PyTorch, and the storages that it names. */
export async function readTorchPickle(bytes: PickleBytes) {
  const table = new StorageTable();
  const root = await unpickle(bytes, { find: findGlobal, persistent: (id) => table.find(id) });
  return { root, storages: [...table.storages.values()] };
}

/** A reader of the state_dict in `root`, whose storages lie at `places`. */
export function torchReader(
  path: string,
  root: unknown,
  places: StoragePlaces,
  close: () => Promise<void>,
): WeightsReader {
  const { tensors, within } = findStateDict(root);
  const own = [...tensors].filter((entry): entry is [string, TorchTensor] => entry[1] instanceof TorchTensor);
  if (own.length === 0) throw new Error('its state_dict holds arrays of NumPy, not tensors');
  const source: TensorSource<TorchTensor> = {
    format: 'torch',
    dtypeOf: ({ storage }) => storage.dtype,
    read: (tensor) => readTensor(tensor, places),
    close,
  };
  return readerOf(path, { tensors: new Map(own), within }, source);
}

async function readTensor(tensor: TorchTensor, places: StoragePlaces): Promise<Float32Array> {
  const { storage, offset, extent } = tensor;
  const size = FLOAT_BYTES[floatType(storage.dtype)];
  const bytes = await places.get(storage)!.read(offset * size, extent * size);
  const values = floatsOf(bytes, storage.dtype);
  return tensor.contiguous ? values : toContiguous(tensor, values);
}

/** A part of `source`, of `size` bytes from `start`. @throws Error when it lies outside. */
export function part(source: ByteSource, start: number, size: number): ByteSource {
  if (start + size > source.size) throw new Error('it ends early; the file may be truncated');
  return { size, read: (from, length) => source.read(start + from, length) };
}
