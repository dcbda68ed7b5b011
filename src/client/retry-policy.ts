import { CairnError } from '../errors.js';
import { RequestError, rootCause } from './request-error.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const DEFAULT_LIMIT_MS = 60_000;

/** How failures that may pass are repeated. */
export interface RetryOptions {
  /**
   * Give up after an outage of this length, in milliseconds; 60,000 by default. An outage begins with the first failure and
   * ends with the next success of any request of the client. 0: nothing is repeated.
   */
  readonly limitMs?: number;
  /** Called once per outage, however many requests and repetitions it affects. */
  readonly onOutage?: (error: CairnError) => void;
}

/**
 * Repeats what failed and may pass, with exponential backoff and not before the time that the server names. All requests of
 * one client share one policy.
 */
export class RetryPolicy {
  private outageSince: number | undefined;

  constructor(
    private readonly options: RetryOptions = {},
    private readonly signal?: AbortSignal,
  ) {}

  /** @throws the last error of `work` if it is permanent, or the outage lasts too long; the reason of an aborted signal. */
  async retry<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await work();
        this.reset();
        return result;
      } catch (error) {
        await this.backoff(error, attempt, signal);
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
   * @throws `error` if it is permanent, or the outage lasts too long; the reason of an aborted signal.
   */
  async backoff(error: unknown, attempt: number, signal?: AbortSignal): Promise<void> {
    if (!(error instanceof CairnError) || !error.transient) throw error;
    if (isBodyTimeout(error)) return;
    const { limitMs = DEFAULT_LIMIT_MS, onOutage } = this.options;
    const now = performance.now();
    if (this.outageSince === undefined) {
      this.outageSince = now;
      onOutage?.(error);
    }
    if (now - this.outageSince >= limitMs) throw error;
    // With jitter, so that clients that lost a server together do not return together.
    const jitter = 0.75 + Math.random() / 2;
    const asked = error instanceof RequestError ? (error.retryAfterMs ?? 0) : 0;
    await this.pause(Math.max(asked, Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS) * jitter), signal);
  }

  /** @throws the reason of a signal that is aborted meanwhile. */
  pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return pause(milliseconds, joined(this.signal, signal));
  }
}

/** Both signals as one. */
export function joined(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length > 1 ? AbortSignal.any(given) : given[0];
}

/** @throws the reason of the signal. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/** Node's `fetch` ends a response that is silent for five minutes; large images on a small machine can take that long. */
function isBodyTimeout(error: CairnError): boolean {
  return (rootCause(error) as { code?: unknown }).code === 'UND_ERR_BODY_TIMEOUT';
}
