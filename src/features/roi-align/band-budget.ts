import { CairnError } from '../../errors.js';

/** Bands of about 2 MiB as float32: 256 MiB. */
const MOST_BANDS = 128;
/** A P2 of 1024 pixels and its coarser levels whole: more would not be used. */
const MOST_EACH = 64;
/** So that each has a few bands at least. */
const MOST_READERS = 32;

/** How many bands one reader may keep now; it is asked before each that is added. */
export interface BandShare {
  readonly limit: number;
  /** May be called twice. */
  leave(): void;
}

/** The memory that all who read regions at the same time share: the more there are, the fewer bands each keeps. */
export class BandBudget {
  private readonly shares = new Set<BandShare>();

  /** @throws CairnError `busy` when there are as many readers as a few bands each suffice for. */
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
