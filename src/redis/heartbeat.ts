/** Sent at this interval into a stream that has nothing else to say: proxies close connections that are silent for a minute. */
export const HEARTBEAT_MS = 15_000;

/** Knows when a stream is due a heartbeat. */
export class Heartbeat {
  private lastSent = performance.now();

  /** To be called whenever anything is sent. */
  sent(): void {
    this.lastSent = performance.now();
  }

  /** Milliseconds until a heartbeat is due; zero or less when it is. */
  get dueInMs(): number {
    return this.lastSent + HEARTBEAT_MS - performance.now();
  }
}
