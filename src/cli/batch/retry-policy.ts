import { setTimeout as sleep } from 'node:timers/promises';
import { CairnError } from '../../errors.js';
import { interrupted, rootCause } from './ask.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export interface RetryOptions {
  /** Give up after an outage of this length, in milliseconds. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Called once per outage, however many calls and retries it affects. */
  onOutage(error: CairnError): void;
}

/** Retries transient failures with exponential backoff. All calls to one server share one policy. */
export class RetryPolicy {
  private outageSince: number | undefined;

  constructor(private readonly options: RetryOptions) {}

  /** @throws the last error of `work` if it is permanent, or the outage lasts too long. */
  async retry<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await work();
        this.reset();
        return result;
      } catch (error) {
        await this.backoff(error, attempt);
      }
    }
  }

  /** The server has answered: the outage is over. */
  reset(): void {
    this.outageSince = undefined;
  }

  /**
   * Waits before the next attempt.
   *
   * @param attempt the number of failures in a row before this one.
   * @throws `error` if it is permanent, or the outage lasts too long; CairnError `cancelled`.
   */
  async backoff(error: unknown, attempt: number): Promise<void> {
    if (!(error instanceof CairnError) || !error.transient) throw error;
    if (isBodyTimeout(error)) return;
    const now = performance.now();
    if (this.outageSince === undefined) {
      this.outageSince = now;
      this.options.onOutage(error);
    }
    if (now - this.outageSince > this.options.limitMs) throw error;
    // With jitter, so that clients that lost a server together do not return together.
    await this.pause(Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2));
  }

  /** @throws CairnError `cancelled`. */
  async pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.options.signal }).catch((cause: unknown) => {
      throw interrupted(cause);
    });
  }
}

/** `fetch` ends a response that is silent for five minutes; large images on a small machine can take that long. */
function isBodyTimeout(error: CairnError): boolean {
  return (rootCause(error) as { code?: unknown }).code === 'UND_ERR_BODY_TIMEOUT';
}
