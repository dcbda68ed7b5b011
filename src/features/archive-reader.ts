import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { asCairnError, CairnError } from '../errors.js';
import { bandsOf } from './bands.js';
import { descriptionSchema, type Description, type LevelDescription } from './feature-set.js';
import { startAhead } from './start-ahead.js';
import { levelBytes, safetensorsHeader } from './safetensors.js';
import type { StoredObject } from './store/store.js';
import { bandPath, GROUP_PATH } from './zarr-metadata.js';
import type { Zstd } from './zstd.js';

/** The directory of an archive is a few kilobytes: one read of the end brings it whole. */
const TAIL_BYTES = 64 * 1024;
const MAX_ENTRY_BYTES = 64 << 20;
/** Bands read and decompressed ahead of the one that is being sent. */
const READ_AHEAD = 2;

/** An archive open for reading. Bands are fetched one by one; nothing else is kept in memory. */
export class ArchiveReader {
  private constructor(
    private readonly object: StoredObject,
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
    private readonly zstd: Zstd,
    readonly description: Description,
  ) {}

  /**
   * Takes over `object`, and closes it when the archive cannot be read.
   *
   * @throws CairnError `archive-corrupt`.
   */
  static async open(object: StoredObject, zstd: Zstd): Promise<ArchiveReader> {
    try {
      const tail = await TailReader.over(object);
      const zip = await yauzl.fromRandomAccessReaderPromise(tail, object.size, { autoClose: false });
      const entries = new Map<string, Entry>();
      for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
      const group = await readEntry(object, zip, entries, GROUP_PATH);
      const { attributes } = JSON.parse(group.toString('utf8')) as { attributes: unknown };
      return new ArchiveReader(object, zip, entries, zstd, descriptionSchema.parse(attributes));
    } catch (error) {
      await object.close();
      throw asCairnError(error, 'archive-corrupt');
    }
  }

  /**
   * The levels called `names` (all of them by default), in the archive's order.
   *
   * @throws CairnError `level-absent` when the archive does not hold one of them.
   */
  select(names?: readonly string[]): LevelDescription[] {
    const { levels } = this.description;
    const absent = names?.find((name) => !levels.some((level) => level.name === name));
    if (absent !== undefined) {
      const held = levels.map((level) => level.name).join(', ');
      throw new CairnError('level-absent', `This feature set holds ${held}, not ${absent}.`);
    }
    return levels.filter((level) => names?.includes(level.name) ?? true);
  }

  /** One band of a level, decompressed: `bandsOf(level).rows` rows in C order. */
  async band(level: LevelDescription, band: number): Promise<Uint8Array> {
    const compressed = await readEntry(this.object, this.zip, this.entries, bandPath(level.name, band));
    return this.zstd.decompress(compressed, bandsOf(level).bytes);
  }

  /**
   * The given levels as a safetensors stream of `length` bytes: header first, then band after band,
   * two ahead of the reader. Ending or destroying the stream closes the archive.
   */
  safetensors(levels: readonly LevelDescription[]): { length: number; stream: Readable } {
    const head = safetensorsHeader(this.description, levels);
    const length = levels.reduce((total, level) => total + levelBytes(level), head.length);
    const bands = this.bands(levels);
    const chunks = async function* () {
      yield head;
      yield* bands;
    };
    // A mark of 1 lets a single band wait in the stream: what is read ahead is bounded here, not there.
    const stream = Readable.from(chunks(), { highWaterMark: 1 });
    stream.once('close', () => void this.close());
    return { length, stream };
  }

  close(): Promise<void> {
    return this.object.close();
  }

  private async *bands(levels: readonly LevelDescription[]): AsyncGenerator<Uint8Array> {
    const ahead: Promise<Uint8Array>[] = [];
    try {
      for (const level of levels) {
        for (let band = 0; band < bandsOf(level).count; band++) {
          ahead.push(startAhead(() => this.band(level, band)));
          if (ahead.length > READ_AHEAD) yield await ahead.shift()!;
        }
      }
      while (ahead.length > 0) yield await ahead.shift()!;
    } finally {
      await Promise.allSettled(ahead);
    }
  }
}

async function readEntry(object: StoredObject, zip: ZipFile, entries: ReadonlyMap<string, Entry>, path: string) {
  const entry = entries.get(path);
  if (!entry) throw new CairnError('archive-corrupt', `The archive has no entry ${path}.`);
  if (entry.compressionMethod !== 0 || entry.compressedSize > MAX_ENTRY_BYTES) {
    throw new CairnError('archive-corrupt', `The entry ${path} is compressed by the zip or too large.`);
  }
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const data = await object.read(fileDataStart, entry.compressedSize);
  if (crc32(data) !== entry.crc32) throw new CairnError('archive-corrupt', `The entry ${path} fails its checksum.`);
  return data;
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
