import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import yauzl, { type Entry as ZipEntry, type ZipFile } from 'yauzl';
import { asCairnError, CairnError } from '../../errors.js';
import type { Store, StoredObject } from '../../features/store/store.js';
import { BATCHES_PREFIX } from '../manifest/schema.js';
import type { ImageIntake } from '../../images/intake.js';
import { refuseBomb } from './body-kind.js';
import type { Entry } from './entry.js';
import { imageEntry, isHidden, type ImageFile } from './image-entry.js';

const BLOCK_BYTES = 256 << 10;

/**
 * The images of a zip. Its directory is at its end, so it rests in the store until it is read.
 *
 * @throws CairnError `request-malformed` for what is no zip, `batch-too-large` for one that was made to burst.
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
    if (thrown instanceof CairnError) throw thrown;
    throw new CairnError('request-malformed', `The zip cannot be read: ${asCairnError(thrown).message}.`, {
      cause: thrown,
    });
  } finally {
    await store.delete(key);
  }
}

async function* read(object: StoredObject, intake: ImageIntake): AsyncGenerator<Entry> {
  // Names are labels here, so what would be a bad path is none of yauzl's business.
  const options = { autoClose: false, decodeStrings: false };
  const zip = await yauzl.fromRandomAccessReaderPromise(new ObjectReader(object), object.size, options);
  let line = 0;
  let unpacked = 0;
  for await (const entry of zip.eachEntry()) {
    const name = nameOf(entry);
    if (name.endsWith('/') || isHidden(name)) continue;
    line++;
    // Entries may share their bytes: only the sum of what they claim shows what the zip would become.
    refuseBomb((unpacked += entry.uncompressedSize), object.size);
    if (entry.uncompressedSize > intake.limits.maxUploadBytes) {
      const message = `The image exceeds the limit of ${intake.limits.maxUploadBytes} bytes.`;
      yield { line, name, error: new CairnError('upload-too-large', message) };
    } else if (!entry.canDecodeFileData()) {
      const message = `Entry ${line} is encrypted or packed in a way that is not read here.`;
      yield { line, name, error: new CairnError('image-unsupported', message) };
    } else {
      yield await unpack(zip, entry, { line, name, options: {} }, intake);
    }
  }
}

/** An entry whose bytes are damaged is one image that is: the directory tells where the others are. */
async function unpack(zip: ZipFile, entry: ZipEntry, file: ImageFile, intake: ImageIntake): Promise<Entry> {
  const bytes = await zip.openReadStreamPromise(entry);
  // Its errors are only told of: whoever begins to read after that would wait for ever.
  bytes.once('error', (error) => bytes.destroy(error));
  try {
    return await imageEntry(file, bytes, intake);
  } catch (thrown) {
    const cause = bytes.errored;
    if (cause === null || (cause instanceof CairnError && cause.transient)) throw thrown;
    const { line, name } = file;
    const message = `Entry ${line} cannot be unpacked: ${cause.message}.`;
    return { line, name, error: new CairnError('image-corrupt', message, { cause }) };
  } finally {
    bytes.destroy();
  }
}

function nameOf({ generalPurposeBitFlag, fileNameRaw, extraFields }: ZipEntry): string {
  return yauzl.getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
}

/** An object of the store as yauzl reads it. */
class ObjectReader extends yauzl.RandomAccessReader {
  constructor(private readonly object: StoredObject) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    // What a zip says of itself may lead anywhere; that is not the store's fault.
    if (position < 0 || position + length > this.object.size) {
      done(new Error('it names bytes that are not in it'));
      return;
    }
    this.object.read(position, length).then(
      (data) => {
        data.copy(buffer, offset);
        done(null);
      },
      (error: unknown) => done(asCairnError(error)),
    );
  }

  /** In blocks, since the object's own streams close it with them. */
  override _readStreamForRange(start: number, end: number): Readable {
    const { object } = this;
    const blocks = async function* () {
      for (let at = start; at < end; at += BLOCK_BYTES) yield await object.read(at, Math.min(BLOCK_BYTES, end - at));
    };
    return Readable.from(blocks());
  }

  /** Whoever opened the object closes it. */
  override close(done: (error: Error | null) => void): void {
    done(null);
  }
}
