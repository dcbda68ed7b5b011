import { crc32 } from 'node:zlib';
import { asCairnError, CairnError } from '../errors.js';
import { ZipReader, type Entry } from '../formats/zip/zip-reader.js';
import { decodeBand } from './jpeg-band.js';
import { bandsOf } from './level-axes.js';
import { descriptionSchema, type Description, type LevelDescription } from './feature-set.js';
import type { StoredObject } from './store/store.js';
import { bandsUnder, cutOf, type Window } from './window.js';
import { bandPath, GROUP_PATH } from './zarr-metadata.js';
import type { Zstd } from '../formats/zstd.js';

export const MAX_ENTRY_BYTES = 64 << 20;
/** What a check keeps: a window, or the levels of a small image, are read once. */
const KEPT_BYTES = 1 << 20;

/** Receives each failure to read an archive; returns the error to throw in its place. */
export type OnFailure = (error: CairnError) => Promise<CairnError>;

/** An object whose bytes can be checked before they are sent. */
export interface CheckedObject extends StoredObject {
  /** @throws CairnError `archive-corrupt` where a checksum of the bytes from `start` up to and including `end` fails. */
  check(start: number, end: number): Promise<void>;
}

/** An archive open for reading. Bands are read one by one and not kept, but for the first of a check. */
export class ArchiveReader {
  /** Stored bands by path, each for the next read of it. */
  private readonly kept = new Map<string, Uint8Array>();

  private constructor(
    private readonly entries: ArchiveEntries,
    readonly zstd: Zstd,
    readonly description: Description,
  ) {}

  /**
   * Takes over `object`, and closes it when the archive cannot be read.
   *
   * @throws CairnError `archive-corrupt`, or what `onFailure` makes of it.
   */
  static async open(object: StoredObject, zstd: Zstd, onFailure?: OnFailure): Promise<ArchiveReader> {
    const entries = await ArchiveEntries.open(object, onFailure);
    try {
      return await entries.guard(async () => {
        const group = await entries.read(GROUP_PATH);
        const { attributes } = JSON.parse(group.toString('utf8')) as { attributes: unknown };
        return new ArchiveReader(entries, zstd, descriptionSchema.parse(attributes));
      });
    } catch (error) {
      await entries.close();
      throw error;
    }
  }

  /** Whether every band is there, by the zip's directory; nothing is read. @throws CairnError `archive-corrupt`. */
  checkDirectory(): Promise<void> {
    return this.entries.guard(() => {
      for (const level of this.description.levels) this.storedBytes(level);
      return Promise.resolve();
    });
  }

  /**
   * Reads what levels, or a window of each, are made of. With `keep`, the first megabyte of it is not read again by the stream
   * that follows.
   *
   * @throws CairnError `archive-corrupt` where a checksum fails.
   */
  async check(levels: readonly LevelDescription[], window?: Window, { keep = false } = {}): Promise<void> {
    let left = keep ? KEPT_BYTES : 0;
    for (const level of levels) {
      const { count } = bandsOf(level);
      const bands = window ? bandsUnder(level, cutOf(level, window)) : Array.from({ length: count }, (_, i) => i);
      for (const band of bands) {
        const path = bandPath(level.name, band);
        const stored = await this.entries.read(path);
        left -= stored.length;
        if (left >= 0) this.kept.set(path, stored);
      }
    }
  }

  /** Reads all of the archive. @throws CairnError `archive-corrupt` where a checksum fails or a band is missing. */
  async checkAll(): Promise<void> {
    await this.checkDirectory();
    await this.entries.check(0, Infinity);
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

  /** One band of a level, decompressed: `bandsOf(level).shape` in C order. */
  async band(level: LevelDescription, band: number): Promise<Uint8Array> {
    const stored = await this.storedBand(level, band);
    return this.entries.guard(() => {
      if (level.codec === 'jpeg') return decodeBand(stored, level, band);
      return this.zstd.decompress(stored, bandsOf(level).bytes);
    });
  }

  /** One band as stored: one frame of zstd, or one JPEG image. */
  async storedBand(level: LevelDescription, band: number): Promise<Uint8Array> {
    const path = bandPath(level.name, band);
    const kept = this.kept.get(path);
    this.kept.delete(path);
    return kept ?? this.entries.read(path);
  }

  /** Bytes of all bands of a level as stored. */
  storedBytes(level: LevelDescription): number {
    const bands = Array.from({ length: bandsOf(level).count }, (_, band) => bandPath(level.name, band));
    return bands.reduce((total, path) => total + this.entries.size(path), 0);
  }

  /** May be called twice. */
  close(): Promise<void> {
    this.kept.clear();
    return this.entries.close();
  }
}

/** Bytes of the header of an entry, before its name and its data. */
const HEADER_BYTES = 30;

/** The entries of an archive, which its zip stores uncompressed. */
export class ArchiveEntries {
  private constructor(
    private readonly object: StoredObject,
    private readonly zip: ZipReader,
    private readonly onFailure: OnFailure,
  ) {}

  /**
   * Takes over `object`, and closes it when it is not a zip.
   *
   * @throws CairnError `archive-corrupt`, or what `onFailure` makes of it; so do all other methods.
   */
  static async open(
    object: StoredObject,
    onFailure: OnFailure = (error) => Promise.resolve(error),
  ): Promise<ArchiveEntries> {
    try {
      return new ArchiveEntries(object, await ZipReader.open(object), onFailure);
    } catch (error) {
      await object.close();
      throw await onFailure(asCairnError(error, 'archive-corrupt'));
    }
  }

  /** Does `work`, and hands its failure to `onFailure`, once however deep calls are nested. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const error = asCairnError(thrown, 'archive-corrupt');
      throw error.code === 'archive-corrupt' ? await this.onFailure(error) : error;
    }
  }

  has(path: string): boolean {
    return this.zip.entries.has(path);
  }

  /** Bytes of an entry. @throws CairnError `archive-corrupt` when it is absent, compressed, too large or beyond the file. */
  size(path: string): number {
    const entry = this.find(path);
    if (endOf(entry) > this.object.size) throw new CairnError('archive-corrupt', `The entry ${path} is cut off.`);
    return entry.compressedSize;
  }

  /** A whole entry, its checksum verified. @throws CairnError `archive-corrupt`. */
  read(path: string): Promise<Buffer> {
    return this.guard(async () => {
      const entry = this.find(path);
      const data = await this.object.read(await this.zip.start(entry), entry.compressedSize);
      if (crc32(data) !== entry.crc32) throw new CairnError('archive-corrupt', `The entry ${path} fails its checksum.`);
      return data;
    });
  }

  /** Reads the entries that lie between two bytes. @throws CairnError `archive-corrupt` where one is not what was written. */
  check(start: number, end: number): Promise<void> {
    return this.guard(async () => {
      for (const [path, entry] of this.zip.entries) {
        if (entry.relativeOffsetOfLocalHeader > end || endOf(entry) <= start) continue;
        if (!(await this.zip.agrees(entry)))
          throw new CairnError('archive-corrupt', `The header of ${path} is damaged.`);
        await this.read(path);
      }
    });
  }

  /** The archive itself; closing it closes this. */
  whole(): CheckedObject {
    return { ...this.object, check: (start, end) => this.check(start, end) };
  }

  /** An entry as an object of its own; closing it closes the archive. @throws CairnError `archive-corrupt`. */
  open(path: string): Promise<CheckedObject> {
    return this.guard(async () => {
      const entry = this.find(path);
      const offset = await this.zip.start(entry);
      const { object } = this;
      return {
        size: entry.compressedSize,
        modified: object.modified,
        read: (start, length) => object.read(offset + start, length),
        stream: (start, end) => object.stream(offset + start, offset + end),
        // The checksum is that of all of it.
        check: async () => {
          await this.read(path);
        },
        close: () => object.close(),
      };
    });
  }

  close(): Promise<void> {
    return this.object.close();
  }

  private find(path: string): Entry {
    const entry = this.zip.entries.get(path);
    if (!entry) throw new CairnError('archive-corrupt', `The archive has no entry ${path}.`);
    if (entry.compressionMethod !== 0 || entry.compressedSize > MAX_ENTRY_BYTES) {
      throw new CairnError('archive-corrupt', `The entry ${path} is compressed by the zip or too large.`);
    }
    return entry;
  }
}

/** The byte after an entry. */
function endOf({ relativeOffsetOfLocalHeader, fileName, compressedSize }: Entry): number {
  return relativeOffsetOfLocalHeader + HEADER_BYTES + Buffer.byteLength(fileName) + compressedSize;
}
