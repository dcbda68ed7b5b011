import { pipeline, Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import type { ByteSource, OpenFile } from '../../files/byte-source.js';

export type { Entry, ZipFile };

/** One read of this much of the end usually covers the whole directory. */
const TAIL_BYTES = 64 << 10;
const BLOCK_BYTES = 64 << 10;
/** A whole Mask R-CNN has about 400 tensors. */
export const MAX_ENTRIES = 100_000;
const SAME_IN_BOTH = ['crc32', 'compressedSize', 'uncompressedSize', 'compressionMethod', 'lastModFileDate'] as const;
const STORED = 0;
const DEFLATED = 8;

/**
 * Opens a zip as a sequence of entries. Its offsets are checked against the size of `source`, which the
 * caller closes. With `decodeStrings: false`, names are labels and need not be valid paths.
 *
 * @throws Error when the directory cannot be read.
 */
export async function openZip(source: ByteSource, options: { decodeStrings?: boolean } = {}): Promise<ZipFile> {
  const start = Math.max(0, source.size - TAIL_BYTES);
  const reader = new Reader(source, start, await source.read(start, source.size - start));
  return yauzl.fromRandomAccessReaderPromise(reader, source.size, { ...options, autoClose: false });
}

/** A zip whose entries are found by name. Sizes and offsets in its directory are not trusted. */
export class ZipReader {
  private constructor(
    private readonly source: OpenFile,
    private readonly zip: ZipFile,
    readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** `close` closes `source`. @throws Error when the directory cannot be read, or two entries have one name. */
  static async open(source: OpenFile): Promise<ZipReader> {
    const zip = await openZip(source);
    if (zip.entryCount > MAX_ENTRIES) throw new Error(`it has ${zip.entryCount} entries`);
    const entries = new Map<string, Entry>();
    for await (const entry of zip.eachEntry()) {
      if (entries.has(entry.fileName)) throw new Error(`two entries are called ${entry.fileName}`);
      entries.set(entry.fileName, entry);
    }
    return new ZipReader(source, zip, entries);
  }

  /** Offset of an entry's bytes as they are stored. @throws Error when they lie outside the file. */
  async start(entry: Entry): Promise<number> {
    const { fileDataStart } = await this.zip.readLocalFileHeaderPromise(entry, { minimal: true });
    if (fileDataStart + entry.compressedSize > this.source.size) throw new Error('it lies outside the file');
    return fileDataStart;
  }

  /** Whether the header in front of an entry's bytes says the same as the directory. @throws Error when it cannot be read. */
  async agrees(entry: Entry): Promise<boolean> {
    const local = await this.zip.readLocalFileHeaderPromise(entry);
    const name = local.fileName.toString('utf8');
    return name === entry.fileName && SAME_IN_BOTH.every((field) => local[field] === entry[field]);
  }

  /**
   * The first `length` bytes of an entry; no more than these are decompressed.
   *
   * @throws Error when they are not there, or the compression method is not supported.
   */
  async read(entry: Entry, length: number): Promise<Buffer<ArrayBuffer>> {
    if (entry.isEncrypted()) throw new Error('it is encrypted');
    const start = await this.start(entry);
    if (entry.compressionMethod === STORED) return this.source.read(start, length);
    if (entry.compressionMethod !== DEFLATED) throw new Error(`its compression method is ${entry.compressionMethod}`);
    if (entry.compressedSize === 0) throw new Error('it is empty');
    const chunks: Buffer[] = [];
    let left = length;
    const blocks = Readable.from(readBlocks(this.source, start, start + entry.compressedSize));
    // Leaving early destroys the stream and is no failure. As the last part of the pipeline, the reader would be one that
    // broke off.
    const inflated = pipeline(blocks, createInflateRaw(), () => undefined);
    for await (const chunk of inflated as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, left));
      left -= Math.min(left, chunk.length);
      if (left === 0) break;
    }
    if (left > 0) throw new Error(`it ends ${left} bytes early`);
    return Buffer.concat(chunks);
  }

  /**
   * The bytes of an entry with random access: in place where they are stored as they are, else those from the front up to
   * the last one wanted are decompressed for each read, at most `maxInflated`.
   *
   * @throws Error when they are not there.
   */
  async open(entry: Entry, maxInflated: number): Promise<ByteSource> {
    const { uncompressedSize: size, compressedSize, compressionMethod } = entry;
    if (compressionMethod !== STORED) {
      if (size > maxInflated) throw new Error(`${entry.fileName} is compressed and has more than ${maxInflated} bytes`);
      return {
        size,
        read: async (from, length) => Buffer.from((await this.read(entry, from + length)).subarray(from)),
      };
    }
    if (entry.isEncrypted()) throw new Error('it is encrypted');
    if (compressedSize !== size) throw new Error(`the size of ${entry.fileName} is wrong`);
    const start = await this.start(entry);
    return { size, read: (from, length) => this.source.read(start + from, length) };
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

async function* readBlocks(source: ByteSource, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end; at += BLOCK_BYTES) yield await source.read(at, Math.min(BLOCK_BYTES, end - at));
}

/** A source as yauzl reads it: its many small reads of the directory are served from the end, which is read once. */
class Reader extends yauzl.RandomAccessReader {
  constructor(
    private readonly source: ByteSource,
    private readonly tailStart: number,
    private readonly tail: Buffer,
  ) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.bytesAt(position, length).then(
      (data) => {
        data.copy(buffer, offset);
        done(null);
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  }

  private async bytesAt(position: number, length: number): Promise<Buffer> {
    const end = position + length;
    if (position < 0 || end > this.source.size) throw new Error('an offset lies outside the file');
    if (position < this.tailStart) return this.source.read(position, length);
    await yieldToEvents();
    return this.tail.subarray(position - this.tailStart, end - this.tailStart);
  }

  /** In blocks, since a store's own streams close the object with them. */
  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(readBlocks(this.source, start, end), { objectMode: false });
  }

  /** The caller owns the source. */
  override close(done: (error: Error | null) => void): void {
    done(null);
  }
}
