import { CairnError } from '../../errors.js';
import { toFloat32 } from '../../formats/floats.js';
import type { ArchiveReader } from '../archive-reader.js';
import { eager } from '../band-stream.js';
import type { LevelDescription } from '../feature-set.js';

/** Bands of up to about 2 MiB, float16 as float32: 256 MiB. */
const MOST_BANDS = 128;
/** All bands of a pyramid of 1024 pixels: more would not be used. */
const MOST_EACH = 64;
/** Leaves each reader a few bands. */
const MOST_READERS = 32;

/** The number of bands that one reader may keep now; read before each new band. */
export interface BandShare {
  readonly limit: number;
  /** May be called twice. */
  leave(): void;
}

/** Memory shared by all concurrent readers of regions: the more readers, the fewer bands each keeps. */
export class BandBudget {
  private readonly shares = new Set<BandShare>();

  /** @throws CairnError `busy` when there are too many readers. */
  enter(): BandShare {
    if (this.shares.size >= MOST_READERS) {
      throw new CairnError('busy', `${MOST_READERS} requests for regions are being answered; try again shortly.`);
    }
    const { shares } = this;
    const share: BandShare = {
      get limit() {
        return Math.min(MOST_EACH, Math.floor(MOST_BANDS / shares.size));
      },
      leave: () => void shares.delete(share),
    };
    shares.add(share);
    return share;
  }
}

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
