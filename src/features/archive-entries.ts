import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { asCairnError, CairnError } from '../errors.js';
import type { StoredObject } from './store/store.js';

/** The directory of an archive is a few kilobytes: one read of the end brings it whole. */
const TAIL_BYTES = 64 * 1024;
const MAX_ENTRY_BYTES = 64 << 20;

/** The entries of an archive's zip, which lie in it as they are. */
export class ArchiveEntries {
  private constructor(
    private readonly object: StoredObject,
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /**
   * Takes over `object`, and closes it when it is not a zip.
   *
   * @throws CairnError `archive-corrupt`.
   */
  static async open(object: StoredObject): Promise<ArchiveEntries> {
    try {
      const tail = await TailReader.over(object);
      const zip = await yauzl.fromRandomAccessReaderPromise(tail, object.size, { autoClose: false });
      const entries = new Map<string, Entry>();
      for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
      return new ArchiveEntries(object, zip, entries);
    } catch (error) {
      await object.close();
      throw asCairnError(error, 'archive-corrupt');
    }
  }

  has(path: string): boolean {
    return this.entries.has(path);
  }

  /** Bytes of an entry. @throws CairnError `archive-corrupt` when it is not there, or not as archives have it. */
  size(path: string): number {
    return this.find(path).compressedSize;
  }

  /** An entry whole, its checksum verified. @throws CairnError `archive-corrupt`. */
  async read(path: string): Promise<Buffer> {
    const entry = this.find(path);
    const data = await this.object.read(await this.start(entry), entry.compressedSize);
    if (crc32(data) !== entry.crc32) throw new CairnError('archive-corrupt', `The entry ${path} fails its checksum.`);
    return data;
  }

  /** An entry as an object of its own; the archive is closed with it. @throws CairnError `archive-corrupt`. */
  async open(path: string): Promise<StoredObject> {
    const entry = this.find(path);
    return sliceOf(this.object, await this.start(entry), entry.compressedSize);
  }

  close(): Promise<void> {
    return this.object.close();
  }

  private find(path: string): Entry {
    const entry = this.entries.get(path);
    if (!entry) throw new CairnError('archive-corrupt', `The archive has no entry ${path}.`);
    if (entry.compressionMethod !== 0 || entry.compressedSize > MAX_ENTRY_BYTES) {
      throw new CairnError('archive-corrupt', `The entry ${path} is compressed by the zip or too large.`);
    }
    return entry;
  }

  private async start(entry: Entry): Promise<number> {
    return (await this.zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
  }
}

function sliceOf(object: StoredObject, offset: number, size: number): StoredObject {
  return {
    size,
    modified: object.modified,
    read: (start, length) => object.read(offset + start, length),
    stream: (start, end) => object.stream(offset + start, offset + end),
    close: () => object.close(),
  };
}

/** Serves yauzl's many small reads of the directory from one read of the object's end. */
class TailReader extends yauzl.RandomAccessReader {
  private constructor(
    private readonly object: StoredObject,
    private readonly start: number,
    private readonly tail: Buffer,
  ) {
    super();
  }

  static async over(object: StoredObject): Promise<TailReader> {
    const length = Math.min(object.size, TAIL_BYTES);
    return new TailReader(object, object.size - length, await object.read(object.size - length, length));
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    if (position >= this.start && position + length <= this.start + this.tail.length) {
      this.tail.copy(buffer, offset, position - this.start, position - this.start + length);
      setImmediate(done, null);
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

  /** Entries are read as slices of the object, never through yauzl's streams. */
  override _readStreamForRange(): Readable {
    throw new Error('not used');
  }

  /** The archive's reader owns the object. */
  override close(done: (error: Error | null) => void): void {
    done(null);
  }
}
