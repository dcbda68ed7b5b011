import { asCairnError, CairnError } from '../errors.js';
import { ArchiveEntries } from './archive-entries.js';
import { bandsOf } from './bands.js';
import { descriptionSchema, type Description, type LevelDescription } from './feature-set.js';
import type { StoredObject } from './store/store.js';
import { bandPath, GROUP_PATH } from './zarr-metadata.js';
import type { Zstd } from '../formats/zstd.js';

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
    return this.zstd.decompress(await this.storedBand(level, band), bandsOf(level).bytes);
  }

  /** One band as stored: one frame of zstd. */
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
