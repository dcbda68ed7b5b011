import type { Patience } from './source.js';

/** Aborts `signal` after too long a wait, and when the caller's own signal aborts. */
export class SilenceLimit {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private readonly cancel = () => {
    this.controller.abort(this.patience.signal?.reason);
  };

  constructor(private readonly patience: Patience) {
    patience.signal?.addEventListener('abort', this.cancel);
    if (patience.signal?.aborted) this.cancel();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Did the caller end it? */
  get cancelled(): boolean {
    return this.patience.signal?.aborted ?? false;
  }

  /** A wait begins. */
  start(): void {
    const { silenceMs } = this.patience;
    this.pause();
    this.timer = setTimeout(() => {
      this.controller.abort(new Error(`nothing came for ${silenceMs / 1000} s`));
    }, silenceMs);
  }

  /** A wait is over. */
  pause(): void {
    clearTimeout(this.timer);
  }

  /** Lets go of everything; what still waits on `signal` ends. */
  end(): void {
    this.pause();
    this.patience.signal?.removeEventListener('abort', this.cancel);
    this.controller.abort();
  }
}
