import { toFloat32 } from '../../formats/floats.js';
import type { ArchiveReader } from '../archive-reader.js';
import type { LevelDescription } from '../feature-set.js';
import { eager } from '../eager.js';
import type { BandShare } from './band-budget.js';

/** Bands of one archive, decompressed and widened to float32; the least recently used leave first. */
export class BandCache {
  private readonly bands = new Map<string, Promise<Float32Array>>();

  constructor(
    private readonly archive: ArchiveReader,
    private readonly share: BandShare,
  ) {}

  /** May be called ahead of need: reading starts at once, and a failure is kept until the promise is awaited. */
  get(level: LevelDescription, number: number): Promise<Float32Array> {
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

  private async read(level: LevelDescription, number: number): Promise<Float32Array> {
    const bytes = await this.archive.band(level, number);
    // A copy is aligned.
    return toFloat32(new Uint8Array(bytes), level.dtype);
  }
}
