import { CairnError } from '../../errors.js';

/** Bands of about 2 MiB as float32: 256 MiB. */
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
