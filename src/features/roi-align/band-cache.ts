import { toFloat32 } from '../../backbone/floats.js';
import type { ArchiveReader } from '../archive-reader.js';
import type { LevelDescription } from '../feature-set.js';
import { startAhead } from '../start-ahead.js';
import type { BandShare } from './band-budget.js';

/** Bands of one archive, decompressed and widened; those least recently asked for leave first. */
export class BandCache {
  private readonly bands = new Map<string, Promise<Float32Array>>();

  constructor(
    private readonly archive: ArchiveReader,
    private readonly share: BandShare,
  ) {}

  /** Asked for before it is needed, a band is read meanwhile; a failure is kept for the one who awaits it. */
  get(level: LevelDescription, number: number): Promise<Float32Array> {
    const key = `${level.name}/${number}`;
    const band = this.bands.get(key) ?? startAhead(() => this.read(level, number));
    this.bands.delete(key);
    this.bands.set(key, band);
    const { limit } = this.share;
    for (const oldest of this.bands.keys()) {
      if (this.bands.size <= limit) break;
      this.bands.delete(oldest);
    }
    return band;
  }

  private async read(level: LevelDescription, number: number): Promise<Float32Array> {
    const bytes = await this.archive.band(level, number);
    // A copy begins at an aligned address.
    return toFloat32(new Uint8Array(bytes), level.dtype);
  }
}
