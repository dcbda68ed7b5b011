import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { FIRST_ID } from './entry-id.js';

const BLOCK_MS = 5000;
/** A connection that is silent for longer than a blocking read lasts is dead. */
export const DEAD_AFTER_MS = 3 * BLOCK_MS;
const RETRY_MS = 500;
const ENTRIES_PER_READ = 1000;

/** Counts changes, so that none between a read and the wait that follows it is missed. */
export class ChangeCounter {
  private changes = 0;
  private readonly waiting = new Set<() => void>();

  /** Take this before reading, and pass it to `after`. */
  get count(): number {
    return this.changes;
  }

  bump(): void {
    this.changes++;
    for (const wake of [...this.waiting]) wake();
  }

  /** Resolves once the count is beyond `count`, after `ms`, or when `signal` is aborted. */
  async after(count: number, ms: number, signal: AbortSignal): Promise<void> {
    if (this.changes > count || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.waiting.add(done);
    });
  }
}

/** Notices that a stream has grown, by one blocking read for all readers in this process; they read the entries themselves. */
export class StreamTail {
  readonly growth = new ChangeCounter();
  private readonly closed = new AbortController();

  /** `redis` is a blocking connection, silent for at most `DEAD_AFTER_MS`. */
  constructor(
    private readonly redis: Redis,
    private readonly stream: string,
  ) {
    void this.watch();
  }

  /** May be called twice. */
  close(): void {
    this.closed.abort();
    this.redis.disconnect();
  }

  private async watch(): Promise<void> {
    const { signal } = this.closed;
    let position: string | undefined;
    while (!signal.aborted) {
      try {
        if (position === undefined) {
          position = await this.end();
          // Entries that came before this may have gone unnoticed.
          this.growth.bump();
        }
        const options = ['COUNT', ENTRIES_PER_READ, 'BLOCK', BLOCK_MS, 'STREAMS'] as const;
        const reply = await this.redis.xread(...options, this.stream, position);
        const last = reply?.[0]?.[1].at(-1);
        if (!last) continue;
        position = last[0];
        this.growth.bump();
      } catch {
        // Redis may come back with an earlier state of the stream: its end is looked up again.
        position = undefined;
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async end(): Promise<string> {
    const [last] = await this.redis.xrevrange(this.stream, '+', '-', 'COUNT', 1);
    return last?.[0] ?? FIRST_ID;
  }
}
