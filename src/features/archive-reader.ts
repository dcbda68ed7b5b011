import { crc32 } from 'node:zlib';
import { asCairnError, CairnError } from '../errors.js';
import { ZipReader, type Entry } from '../formats/zip/zip-reader.js';
import { decodeBand } from './jpeg-band.js';
import { bandsOf } from './level-axes.js';
import { descriptionSchema, type Description, type LevelDescription } from './feature-set.js';
import type { StoredObject } from './store/store.js';
import { bandPath, GROUP_PATH } from './zarr-metadata.js';
import type { Zstd } from '../formats/zstd.js';

const MAX_ENTRY_BYTES = 64 << 20;

/** An archive open for reading. Bands are read one by one and not kept. */
export class ArchiveReader {
  private constructor(
    private readonly entries: ArchiveEntries,
    readonly zstd: Zstd,
    readonly description: Description,
  ) {}

  /**
   * Takes over `object`, and closes it when the archive cannot be read.
   *
   * @throws CairnError `archive-corrupt`.
   */
  static async open(object: StoredObject, zstd: Zstd): Promise<ArchiveReader> {
    const entries = await ArchiveEntries.open(object);
    try {
      const group = await entries.read(GROUP_PATH);
      const { attributes } = JSON.parse(group.toString('utf8')) as { attributes: unknown };
      return new ArchiveReader(entries, zstd, descriptionSchema.parse(attributes));
    } catch (error) {
      await entries.close();
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

  /** One band of a level, decompressed: `bandsOf(level).shape` in C order. */
  async band(level: LevelDescription, band: number): Promise<Uint8Array> {
    const stored = await this.storedBand(level, band);
    if (level.codec === 'jpeg') return decodeBand(stored, level, band);
    return this.zstd.decompress(stored, bandsOf(level).bytes);
  }

  /** One band as stored: one frame of zstd, or one JPEG image. */
  storedBand(level: LevelDescription, band: number): Promise<Uint8Array> {
    return this.entries.read(bandPath(level.name, band));
  }

  /** Bytes of all bands of a level as stored. */
  storedBytes(level: LevelDescription): number {
    const bands = Array.from({ length: bandsOf(level).count }, (_, band) => bandPath(level.name, band));
    return bands.reduce((total, path) => total + this.entries.size(path), 0);
  }

  close(): Promise<void> {
    return this.entries.close();
  }
}

/** The entries of an archive, which its zip stores uncompressed. */
export class ArchiveEntries {
  private constructor(
    private readonly object: StoredObject,
    private readonly zip: ZipReader,
  ) {}

  /**
   * Takes over `object`, and closes it when it is not a zip.
   *
   * @throws CairnError `archive-corrupt`.
   */
  static async open(object: StoredObject): Promise<ArchiveEntries> {
    try {
      return new ArchiveEntries(object, await ZipReader.open(object));
    } catch (error) {
      await object.close();
      throw asCairnError(error, 'archive-corrupt');
    }
  }

  has(path: string): boolean {
    return this.zip.entries.has(path);
  }

  /** Bytes of an entry. @throws CairnError `archive-corrupt` when it is absent, compressed or too large. */
  size(path: string): number {
    return this.find(path).compressedSize;
  }

  /** A whole entry, its checksum verified. @throws CairnError `archive-corrupt`. */
  async read(path: string): Promise<Buffer> {
    const entry = this.find(path);
    const data = await this.object.read(await this.start(entry), entry.compressedSize);
    if (crc32(data) !== entry.crc32) throw new CairnError('archive-corrupt', `The entry ${path} fails its checksum.`);
    return data;
  }

  /** An entry as an object of its own; closing it closes the archive. @throws CairnError `archive-corrupt`. */
  async open(path: string): Promise<StoredObject> {
    const entry = this.find(path);
    const offset = await this.start(entry);
    const { object } = this;
    return {
      size: entry.compressedSize,
      modified: object.modified,
      read: (start, length) => object.read(offset + start, length),
      stream: (start, end) => object.stream(offset + start, offset + end),
      close: () => object.close(),
    };
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

  private start(entry: Entry): Promise<number> {
    return this.zip.start(entry).catch((error: unknown) => {
      throw asCairnError(error, 'archive-corrupt');
    });
  }
}
