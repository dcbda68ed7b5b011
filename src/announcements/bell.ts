/** Rings for whoever listens to a topic. */
export class Bells {
  private readonly listeners = new Map<string, Set<Bell>>();

  /** Hears of the topics from now on, also while nobody waits; to be closed. */
  listen(topics: readonly string[]): Bell {
    const bell = new Bell(() => {
      for (const topic of topics) this.forget(topic, bell);
    });
    for (const topic of topics) {
      const known = this.listeners.get(topic);
      if (known) known.add(bell);
      else this.listeners.set(topic, new Set([bell]));
    }
    return bell;
  }

  ring(topic: string): void {
    this.listeners.get(topic)?.forEach((bell) => bell.ring(topic));
  }

  private forget(topic: string, bell: Bell): void {
    const known = this.listeners.get(topic);
    known?.delete(bell);
    if (known?.size === 0) this.listeners.delete(topic);
  }
}

/** What one listener has heard since it last asked. */
export class Bell {
  private heard = new Set<string>();
  private wake: (() => void) | undefined;

  constructor(readonly close: () => void) {}

  ring(topic: string): void {
    this.heard.add(topic);
    this.wake?.();
  }

  /** The topics that rang since the last call: at once when there are any, else after `ms` at most, or on abort. */
  async next(ms: number, signal: AbortSignal): Promise<ReadonlySet<string>> {
    if (this.heard.size === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          this.wake = undefined;
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener('abort', done);
        this.wake = done;
      });
    }
    const heard = this.heard;
    this.heard = new Set();
    return heard;
  }
}
