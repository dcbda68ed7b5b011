import { setTimeout as sleep } from 'node:timers/promises';
import { CairnError } from '../../errors.js';
import { rootCause } from './ask.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export interface PatienceOptions {
  /** How long a server may be away, in milliseconds. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Told once when the server goes away, however many calls and tries that takes. */
  onAway(error: CairnError): void;
}

/** Tries again what can pass, with growing pauses; calls that wait for one server share one of these. */
export class Patience {
  private awaySince: number | undefined;

  constructor(private readonly options: PatienceOptions) {}

  /** @throws the last error of `work` when it cannot pass, or has not for too long. */
  async retry<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await work();
        this.good();
        return result;
      } catch (error) {
        await this.bear(error, attempt);
      }
    }
  }

  /** The server has answered. */
  good(): void {
    this.awaySince = undefined;
  }

  /**
   * Waits before the next try.
   *
   * @param attempt how often the same has failed before.
   * @throws `error` where another try would not help; CairnError `cancelled`.
   */
  async bear(error: unknown, attempt: number): Promise<void> {
    if (!(error instanceof CairnError) || !error.transient) throw error;
    if (isSilence(error)) return;
    const now = performance.now();
    if (this.awaySince === undefined) {
      this.awaySince = now;
      this.options.onAway(error);
    }
    if (now - this.awaySince > this.options.limitMs) throw error;
    // Clients that lost a server together should not come back together.
    await this.pause(Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2));
  }

  /** @throws CairnError `cancelled`. */
  async pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.options.signal }).catch((cause: unknown) => {
      throw new CairnError('cancelled', 'The command was interrupted.', { cause });
    });
  }
}

/** `fetch` ends an answer on which nothing came for five minutes; large images on a small machine take that long. */
function isSilence(error: CairnError): boolean {
  return (rootCause(error) as { code?: unknown }).code === 'UND_ERR_BODY_TIMEOUT';
}
