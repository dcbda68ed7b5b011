import { toFloat32 } from '../../formats/floats.js';
import type { ArchiveReader } from '../archive-reader.js';
import type { BandBudgetOptions, BandShare } from '../band-budget.js';
import { eager } from '../band-stream.js';
import type { LevelDescription } from '../feature-set.js';

/** Bands of up to about 2 MiB, float16 as float32: 256 MiB in all. A reader can use those of a pyramid of 1024 pixels. */
export const REGION_BANDS: BandBudgetOptions = { bands: 128, each: 64, readers: 32, what: 'requests for regions' };

/** Numbers of a band: float16 is widened to float32; integers stay as they are, since as floats they would be four times as large. */
export type BandNumbers = Float32Array | Uint8Array;

/** Bands of one archive, decompressed; the least recently used leave first. */
export class BandCache {
  private readonly bands = new Map<string, Promise<BandNumbers>>();

  constructor(
    private readonly archive: ArchiveReader,
    private readonly share: BandShare,
  ) {}

  /** May be called ahead of need: reading starts at once, and a failure is kept until the promise is awaited. */
  get(level: LevelDescription, number: number): Promise<BandNumbers> {
    const key = `${level.name}/${number}`;
    const band = this.bands.get(key) ?? eager(() => this.read(level, number));
    this.bands.delete(key);
    this.bands.set(key, band);
    const { limit } = this.share;
    for (const oldest of this.bands.keys()) {
      if (this.bands.size <= limit) break;
      this.bands.delete(oldest);
    }
    return band;
  }

  private async read(level: LevelDescription, number: number): Promise<BandNumbers> {
    const bytes = await this.archive.band(level, number);
    if (level.dtype === 'uint8') return bytes;
    // A copy is aligned.
    return toFloat32(new Uint8Array(bytes), level.dtype);
  }
}
