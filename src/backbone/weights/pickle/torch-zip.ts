import type { ByteSource } from '../../../files/byte-source.js';
import { PickleBytes } from '../../../formats/pickle/pickle-bytes.js';
import type { Entry, ZipReader } from '../../../formats/zip/zip-reader.js';
import type { WeightsReader } from '../weights-reader.js';
import { refused } from './pickle-reader.js';
import type { TorchStorage } from './tensors.js';
import { ELEMENT_BYTES, readTorchPickle, torchReader } from './torch-file.js';

const PICKLE = /^(?:(.*)\/)?data\.pkl$/;
/** What a compressed storage and a compressed pickle may unpack to: PyTorch compresses neither. */
const MAX_INFLATED_BYTES = 1 << 30;
const MAX_INFLATED_PICKLE_BYTES = 16 << 20;
const MAX_BYTE_ORDER_BYTES = 16;

/** Whether a zip with these names is one of `torch.save`. */
export function isTorchZip(names: readonly string[]): boolean {
  return names.some((name) => PICKLE.test(name));
}

/**
 * Opens a file of `torch.save` since PyTorch 1.6: a zip with a pickle, `<name>/data.pkl`, and the bytes of each storage,
 * `<name>/data/<key>`. Takes over `zip`.
 *
 * @throws CairnError `weights-unreadable`, or `weights-unsafe-pickle` naming what the pickle asks for.
 */
export async function openTorchZip(path: string, zip: ZipReader): Promise<WeightsReader> {
  try {
    const pickle = [...zip.entries.keys()].find((name) => PICKLE.test(name))!;
    const folder = pickle.slice(0, -'data.pkl'.length);
    if (zip.entries.has(`${folder}constants.pkl`)) {
      throw new Error(
        'it is a TorchScript program; save its parameters: torch.save(torch.jit.load(…).state_dict(), …)',
      );
    }
    await checkByteOrder(zip, zip.entries.get(`${folder}byteorder`));
    const { root, storages } = await readTorchPickle(new PickleBytes(await openPickle(zip, zip.entries.get(pickle)!)));
    const places = new Map<TorchStorage, ByteSource>();
    for (const storage of storages) {
      const entry = zip.entries.get(`${folder}data/${storage.key}`);
      const bytes = storage.elements * ELEMENT_BYTES[storage.dtype]!;
      if (entry?.uncompressedSize !== bytes)
        throw new Error(`its storage ${storage.key} has not the ${bytes} bytes that are declared`);
      places.set(storage, await zip.open(entry, MAX_INFLATED_BYTES));
    }
    return torchReader(path, root, places, () => zip.close());
  } catch (error) {
    await zip.close();
    throw refused(path, error);
  }
}

/** It is read in blocks; one that is compressed would be unpacked from its front for each. */
async function openPickle(zip: ZipReader, entry: Entry): Promise<ByteSource> {
  const source = await zip.open(entry, MAX_INFLATED_PICKLE_BYTES);
  if (entry.compressionMethod === 0) return source;
  const bytes = await source.read(0, source.size);
  return {
    size: source.size,
    read: (start, length) => Promise.resolve(Buffer.from(bytes.subarray(start, start + length))),
  };
}

async function checkByteOrder(zip: ZipReader, entry: Entry | undefined): Promise<void> {
  if (!entry) return;
  const order = await zip.read(entry, Math.min(entry.uncompressedSize, MAX_BYTE_ORDER_BYTES));
  if (order.toString('latin1') !== 'little')
    throw new Error('its numbers are big-endian; load and save it on another machine');
}
