import { randomUUID } from 'node:crypto';
import yauzl from 'yauzl';
import { CairnError } from '../../errors.js';
import type { Store, StoredObject } from '../../features/store/store.js';
import { UnpackLimit } from '../../formats/inflation.js';
import { openZip, type Entry as ZipEntry, type ZipFile } from '../../formats/zip/zip-reader.js';
import { BATCHES_PREFIX } from '../manifest.js';
import type { ImageIntake } from '../../images/intake.js';
import { unreadableBody } from './body-kind.js';
import { refuse, type Entry } from './entry.js';
import { imageEntry, isHidden, type ImageFile } from './image-entry.js';

/**
 * The images of a zip. The directory is at its end, so the zip is first written to the store.
 *
 * @throws CairnError `request-malformed` when the body is not a zip, `batch-too-large` for a decompression bomb.
 */
export async function* zipEntries(
  chunks: AsyncIterable<Uint8Array>,
  store: Store,
  intake: ImageIntake,
): AsyncGenerator<Entry> {
  const key = `${BATCHES_PREFIX}/${randomUUID()}.zip`;
  await store.put(key, chunks);
  try {
    const object = await store.open(key);
    if (!object) throw new CairnError('store-failed', 'The zip has gone from the store.');
    try {
      yield* read(object, intake);
    } finally {
      await object.close();
    }
  } catch (thrown) {
    throw unreadableBody('zip', thrown);
  } finally {
    await store.delete(key);
  }
}

async function* read(object: StoredObject, intake: ImageIntake): AsyncGenerator<Entry> {
  // Names are labels here, so yauzl need not validate them as paths.
  const zip = await openZip(object, { decodeStrings: false });
  let line = 0;
  let unpacked = 0;
  const limit = new UnpackLimit(intake.limits.maxRatio, 'batch-too-large', intake.limits.maxBatchBytes);
  for await (const entry of zip.eachEntry()) {
    const name = nameOf(entry);
    if (name.endsWith('/') || isHidden(name)) continue;
    line++;
    // Entries may share their bytes, so only the sum of the declared sizes limits the unpacked size.
    limit.check((unpacked += entry.uncompressedSize), object.size);
    if (entry.uncompressedSize > intake.limits.maxUploadBytes) {
      const message = `The image exceeds the limit of ${intake.limits.maxUploadBytes} bytes.`;
      yield refuse({ line, name }, 'upload-too-large', message);
    } else if (!entry.canDecodeFileData()) {
      const message = `Entry ${line} is encrypted or packed in a way that is not read here.`;
      yield refuse({ line, name }, 'image-unsupported', message);
    } else {
      yield await unpack(zip, entry, { line, name, options: {} }, intake);
    }
  }
}

/** A damaged entry fails alone: the directory still locates the others. */
async function unpack(zip: ZipFile, entry: ZipEntry, file: ImageFile, intake: ImageIntake): Promise<Entry> {
  const bytes = await zip.openReadStreamPromise(entry);
  // yauzl only emits errors: a reader that starts after one would wait for ever.
  bytes.once('error', (error) => bytes.destroy(error));
  try {
    return await imageEntry(file, bytes, intake);
  } catch (thrown) {
    const cause = bytes.errored;
    if (cause === null || (cause instanceof CairnError && cause.transient)) throw thrown;
    return refuse(file, 'image-corrupt', `Entry ${file.line} cannot be unpacked: ${cause.message}.`, cause);
  } finally {
    bytes.destroy();
  }
}

function nameOf({ generalPurposeBitFlag, fileNameRaw, extraFields }: ZipEntry): string {
  return yauzl.getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
}
