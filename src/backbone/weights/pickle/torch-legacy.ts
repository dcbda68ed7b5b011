import type { ByteSource, OpenFile } from '../../../files/byte-source.js';
import { PickleBytes } from '../../../formats/pickle/pickle-bytes.js';
import { unpickle, UnsafePickle, type PickleHost } from '../../../formats/pickle/unpickle.js';
import type { WeightsReader } from '../weights-reader.js';
import { findGlobal } from './globals.js';
import { refused } from './pickle-reader.js';
import type { TorchStorage } from './tensors.js';
import { ELEMENT_BYTES, part, readTorchPickle, torchReader } from './torch-file.js';

const PROTOCOL = 1001;
/** Of the length before each storage. */
const LENGTH_BYTES = 8;

/** The pickles around the object hold numbers and texts. */
const PLAIN: PickleHost = {
  find: findGlobal,
  persistent: () => {
    throw new UnsafePickle('its pickle has a persistent id where none belongs');
  },
};

/**
 * Opens a file of `torch.save` before PyTorch 1.6, or with `_use_new_zipfile_serialization=False`: pickles of a magic
 * number, a version, the machine, the object and the names of its storages, then these, each after its length. Takes over
 * `file`.
 *
 * @throws CairnError `weights-unreadable`, or `weights-unsafe-pickle` naming what the pickle asks for.
 */
export async function openTorchLegacy(path: string, file: OpenFile): Promise<WeightsReader> {
  try {
    const bytes = new PickleBytes(file);
    // `tellFileKind` has compared the magic number.
    await unpickle(bytes, PLAIN);
    const protocol = await unpickle(bytes, PLAIN);
    if (protocol !== PROTOCOL) throw new Error('its protocol is not that of torch.save');
    const machine = await unpickle(bytes, PLAIN);
    if (!(machine instanceof Map) || machine.get('little_endian') !== true) {
      throw new Error('its numbers are big-endian; load and save it on another machine');
    }
    const { root, storages } = await readTorchPickle(bytes);
    const keys = await unpickle(bytes, PLAIN);
    const places = await placesOf(file, bytes.offset, keys, storages);
    return torchReader(path, root, places, () => file.close());
  } catch (error) {
    await file.close();
    throw refused(path, error);
  }
}

/** The storages follow each other in the order of `keys`, each once. */
async function placesOf(file: ByteSource, start: number, keys: unknown, storages: readonly TorchStorage[]) {
  if (!Array.isArray(keys) || keys.length !== storages.length) throw new Error('it does not list its storages');
  const byKey = new Map(storages.map((storage) => [storage.key, storage]));
  const places = new Map<TorchStorage, ByteSource>();
  let at = start;
  for (const key of keys as unknown[]) {
    const storage = typeof key === 'string' ? byKey.get(key) : undefined;
    if (!storage || places.has(storage)) throw new Error('it lists storages that it does not use');
    const length = (await part(file, at, LENGTH_BYTES).read(0, LENGTH_BYTES)).readBigInt64LE();
    if (length !== BigInt(storage.elements))
      throw new Error(`a storage has ${length} elements instead of ${storage.elements}`);
    const bytes = storage.elements * ELEMENT_BYTES[storage.dtype]!;
    places.set(storage, part(file, at + LENGTH_BYTES, bytes));
    at += LENGTH_BYTES + bytes;
  }
  return places;
}
