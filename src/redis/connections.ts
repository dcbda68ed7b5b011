import { Redis, type RedisOptions } from 'ioredis';
import type { Log } from '../log.js';
import { redisState, rememberFailure } from './redis-error.js';

/** A request waits at most this long for Redis. */
export const FAIL_FAST_MS = 1500;
const MAX_RECONNECT_DELAY_MS = 1000;

const reconnectDelay = (attempt: number) => Math.min(attempt * 50, MAX_RECONNECT_DELAY_MS);

/** The connections of one process to one Redis: the only place that opens any. Logs an outage once, whichever connection notices. */
export class RedisConnections {
  private readonly opened: Redis[] = [];
  private closed = false;
  private away = false;

  constructor(
    private readonly url: string,
    private readonly log?: Log,
  ) {}

  /** For requests: commands fail at once while Redis is away; the connection reconnects by itself. */
  failFast(): Redis {
    return this.open({
      retryStrategy: reconnectDelay,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: FAIL_FAST_MS,
      commandTimeout: FAIL_FAST_MS,
    });
  }

  /**
   * For workers and listeners: commands wait until Redis is back. BullMQ duplicates such connections for its own blocking
   * reads; the copies stop reconnecting when this is closed.
   */
  patient(): Redis {
    return this.open({ retryStrategy: this.unlessClosed, maxRetriesPerRequest: null });
  }

  /**
   * For blocking reads of our own, each on a separate connection. If the connection breaks, the read fails and is not
   * repeated, since the state of Redis may have changed. A connection that is silent for `silenceMs` counts as broken.
   */
  blocking(silenceMs: number): Redis {
    return this.open({ retryStrategy: this.unlessClosed, maxRetriesPerRequest: 0, socketTimeout: silenceMs });
  }

  /** Disconnects all. To be called once their users are closed; may be called twice. */
  close(): void {
    this.closed = true;
    for (const redis of this.opened.splice(0)) redis.disconnect();
  }

  private readonly unlessClosed = (attempt: number) => (this.closed ? null : reconnectDelay(attempt));

  private open(options: RedisOptions): Redis {
    const redis = new Redis(this.url, options);
    // Each attempt to reconnect emits an error, and one without a listener would end the process. Callers see failures
    // through their commands.
    redis.on('error', (error) => {
      rememberFailure(redis, error);
      this.outage(error);
    });
    redis.on('ready', () => {
      rememberFailure(redis, undefined);
      this.restored();
    });
    this.opened.push(redis);
    return redis;
  }

  private outage(error: NodeJS.ErrnoException): void {
    if (this.away || this.closed) return;
    this.away = true;
    // `localhost` has several addresses, and their common error has no message.
    const reason = error.message || error.code;
    const state = redisState(error) ?? 'cannot be reached';
    this.log?.warn(`Redis at ${withoutCredentials(this.url)} (REDIS_URL) ${state}: ${reason}; trying again`);
  }

  private restored(): void {
    if (this.away) this.log?.log(`Redis at ${withoutCredentials(this.url)} is back`);
    this.away = false;
  }
}

/** Waits for a connection or a queue to close, but not for one that is still looking for its Redis. */
export async function closeWithin(ms: number, closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([closing.catch(() => undefined), overdue]);
  clearTimeout(timer);
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
