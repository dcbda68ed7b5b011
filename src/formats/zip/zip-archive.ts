import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import yauzl, { type Entry } from 'yauzl';
import { unreadable } from '../../backbone/weights/weights-reader.js';

/** A whole Mask R-CNN has about 400 tensors. */
const MAX_ENTRIES = 100_000;
const CHUNK_BYTES = 1 << 16;
const STORED = 0;
const DEFLATED = 8;

export type ZipEntry = Entry;

/** A stranger's zip: its directory is the only thing that is believed, and only as far as the file goes. */
export interface ZipArchive {
  /** By name; no name occurs twice. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /**
   * The first `length` bytes of an entry, decompressed; not more is decompressed than that.
   *
   * @throws Error when they are not there, or compressed in a way that is not read.
   */
  read(entry: ZipEntry, length: number): Promise<Buffer<ArrayBuffer>>;
  close(): Promise<void>;
}

/** @throws CairnError `weights-unreadable` when the directory cannot be read. */
export async function openZipArchive(path: string): Promise<ZipArchive> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const zip = await yauzl.fromRandomAccessReaderPromise(new BoundedReader(file, size), size, { autoClose: false });
    if (zip.entryCount > MAX_ENTRIES) throw new Error(`it has ${zip.entryCount} entries`);
    const entries = new Map<string, ZipEntry>();
    for await (const entry of zip.eachEntry()) {
      if (entries.has(entry.fileName)) throw new Error(`two entries are called ${entry.fileName}`);
      entries.set(entry.fileName, entry);
    }
    return {
      entries,
      async read(entry, length) {
        if (entry.isEncrypted()) throw new Error('it is encrypted');
        const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
        if (fileDataStart + entry.compressedSize > size) throw new Error('it lies outside the file');
        if (entry.compressionMethod === STORED) return readExactly(file, fileDataStart, length);
        if (entry.compressionMethod === DEFLATED) return inflate(file, fileDataStart, entry.compressedSize, length);
        throw new Error(`its compression method is ${entry.compressionMethod}`);
      },
      close: () => file.close(),
    };
  } catch (cause) {
    await file.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(path, `it cannot be opened as a zip and may be truncated (${why})`, cause);
  }
}

async function readExactly(file: FileHandle, at: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.from(new ArrayBuffer(length));
  const { bytesRead } = await file.read(buffer, 0, length, at);
  if (bytesRead < length) throw new Error(`it ends ${length - bytesRead} bytes early`);
  return buffer;
}

async function inflate(file: FileHandle, at: number, compressed: number, length: number) {
  if (compressed === 0) throw new Error('it is empty');
  const chunks: Buffer[] = [];
  let left = length;
  await pipeline(readChunks(file, at, compressed), createInflateRaw(), async (inflated: AsyncIterable<Buffer>) => {
    for await (const chunk of inflated) {
      chunks.push(chunk.subarray(0, left));
      left -= Math.min(left, chunk.length);
      if (left === 0) break;
    }
  });
  if (left > 0) throw new Error(`it ends ${left} bytes early`);
  return Buffer.concat(chunks);
}

async function* readChunks(file: FileHandle, at: number, length: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < length; done += CHUNK_BYTES) {
    yield await readExactly(file, at + done, Math.min(CHUNK_BYTES, length - done));
  }
}

/** yauzl asks for whatever offsets a directory names, and from a plain file that would end the process. */
class BoundedReader extends yauzl.RandomAccessReader {
  constructor(
    private readonly file: FileHandle,
    private readonly size: number,
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
    if (position < 0 || position + length > this.size) {
      setImmediate(done, new Error('an offset lies outside the file'));
      return;
    }
    this.file.read(buffer, offset, length, position).then(
      ({ bytesRead }) => done(bytesRead === length ? null : new Error('it ends early')),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** The archive owns the file. */
  override close(done: (error: Error | null) => void): void {
    done(null);
  }
}
