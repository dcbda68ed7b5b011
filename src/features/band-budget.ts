import { CairnError } from '../errors.js';

/** The number of bands that one reader may have in work now; read before each new band. */
export interface BandShare {
  readonly limit: number;
  /** May be called twice. */
  leave(): void;
}

export interface BandBudgetOptions {
  /** Bands that all readers share; each has at least one. */
  readonly bands: number;
  /** Bands that one reader has at most: more would not be used. */
  readonly each: number;
  /** Readers at once. */
  readonly readers: number;
  /** What the readers are, in messages: `requests for regions`. */
  readonly what: string;
}

/** Memory shared by all concurrent readers of archives: the more readers, the fewer bands each has in work. */
export class BandBudget {
  private readonly shares = new Set<BandShare>();
  /** In the order in which they came. */
  private readonly waiting = new Set<() => void>();
  private refusals = 0;

  constructor(private readonly options: BandBudgetOptions) {}

  /** Most readers at once. */
  get limit(): number {
    return this.options.readers;
  }

  /** Readers now. */
  get inUse(): number {
    return this.shares.size;
  }

  /** Readers that were refused. */
  get refused(): number {
    return this.refusals;
  }

  /** @throws CairnError `busy` when there are too many readers. */
  enter(): BandShare {
    const { bands, each, readers, what } = this.options;
    if (this.shares.size >= readers) {
      this.refusals++;
      throw new CairnError('busy', `${readers} ${what} are being answered; try again shortly.`);
    }
    const { shares } = this;
    const share: BandShare = {
      get limit() {
        return Math.max(1, Math.min(each, Math.floor(bands / shares.size)));
      },
      leave: () => {
        if (shares.delete(share)) this.wakeNext();
      },
    };
    shares.add(share);
    return share;
  }

  /** Waits for its turn instead of throwing `busy`. @throws CairnError `cancelled` once `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<BandShare> {
    for (;;) {
      if (signal.aborted) {
        // It may have been woken for a place that it does not take.
        this.wakeNext();
        throw new CairnError('cancelled', 'The client has gone away.');
      }
      if (this.shares.size < this.options.readers) return this.enter();
      await this.turn(signal);
    }
  }

  private wakeNext(): void {
    this.waiting.values().next().value?.();
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
