import { CairnError } from '../../errors.js';

/** Memory that concurrent requests share: each takes what it is about to hold, and gives it back when it is done. */
export class ByteBudget {
  private taken = 0;
  private refusals = 0;

  constructor(
    readonly limit: number,
    /** What the memory is for, in messages. */
    private readonly purpose: string,
  ) {}

  get inUse(): number {
    return this.taken;
  }

  /** How often more was asked for than was left. */
  get refused(): number {
    return this.refusals;
  }

  /** A request's part, empty at first. */
  lease(): ByteLease {
    let held = 0;
    return {
      take: (bytes) => {
        if (this.taken + bytes > this.limit) {
          this.refusals++;
          const all = `The ${this.limit} bytes of memory for ${this.purpose} are in use`;
          throw new CairnError('busy', `${all}; this request needs ${bytes} more. Try again shortly.`);
        }
        held += bytes;
        this.taken += bytes;
      },
      release: () => {
        this.taken -= held;
        held = 0;
      },
    };
  }
}

export interface ByteLease {
  /** @throws CairnError `busy` when other requests hold too much. */
  take(bytes: number): void;
  /** Gives everything back. May be called twice. */
  release(): void;
}
