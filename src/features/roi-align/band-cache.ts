import type { ArchiveReader } from '../archive-reader.js';
import { bandsOf } from '../bands.js';
import type { LevelDescription } from '../feature-set.js';
import { toFloat32 } from '../../backbone/floats.js';

/** Bands kept as float32, about 2 MiB each: a P2 and its coarser levels whole. */
const MOST_BANDS = 64;

/** Bands of one archive, decompressed and widened; those least recently used leave first. */
export class BandCache {
  private readonly bands = new Map<string, Float32Array>();

  constructor(private readonly archive: ArchiveReader) {}

  /** The given bands of a level, by number. Held by the caller, they outlive the cache's own room. */
  async get(level: LevelDescription, numbers: ReadonlySet<number>): Promise<Map<number, Float32Array>> {
    const found = new Map<number, Float32Array>();
    for (const number of numbers) found.set(number, await this.one(level, number));
    return found;
  }

  private async one(level: LevelDescription, number: number): Promise<Float32Array> {
    const key = `${level.name}/${number}`;
    const band = this.bands.get(key) ?? widen(await this.archive.band(level, number), level);
    this.bands.delete(key);
    this.bands.set(key, band);
    const [oldest] = this.bands.keys();
    if (this.bands.size > MOST_BANDS) this.bands.delete(oldest!);
    return band;
  }
}

function widen(bytes: Uint8Array, level: LevelDescription): Float32Array {
  // A copy begins at an aligned address.
  return toFloat32(new Uint8Array(bytes).subarray(0, bandsOf(level).bytes), level.dtype);
}
