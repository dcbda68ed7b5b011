import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { patientConnection } from '../redis/connections.js';
import type { AnnouncementKeys } from './announcement.js';
import { Bells, type Bell } from './bell.js';
import { FIRST_ID } from './entry-id.js';

const BLOCK_MS = 5000;
/** A connection that says nothing for longer than it was asked to has died without telling. */
const DEAD_AFTER_MS = 3 * BLOCK_MS;
const RETRY_MS = 500;
const READ_AT_ONCE = 1000;

/** The topic of new announcements. */
export const ANNOUNCED = 'announced';
/** The topic of nudges for a consumer: what it held has been acknowledged, or another connection bears its name. */
export const nudgeOf = (group: string, consumer: string) => `${group}/${consumer}`;

/** Tells that there is something new, from one connection however many listen; they read it themselves. */
export class AnnouncementHub {
  private readonly redis: Redis;
  private readonly bells = new Bells();
  private readonly closed = new AbortController();

  constructor(
    redisUrl: string,
    private readonly keys: AnnouncementKeys,
  ) {
    this.redis = patientConnection(redisUrl, this.closed.signal, { socketTimeout: DEAD_AFTER_MS });
    void this.watch();
  }

  /** Hears of topics from now on; to be closed by the caller. */
  listen(topics: readonly string[]): Bell {
    return this.bells.listen(topics);
  }

  /** May be called twice. */
  close(): void {
    this.closed.abort();
    this.redis.disconnect();
  }

  private async watch(): Promise<void> {
    const { signal } = this.closed;
    const { stream, nudges } = this.keys;
    const seen = new Map<string, string>();
    while (!signal.aborted) {
      try {
        if (seen.size === 0) {
          for (const key of [stream, nudges]) seen.set(key, await this.end(key));
          // Whoever looked before may have missed what came until now.
          this.bells.ring(ANNOUNCED);
        }
        const ids = [stream, nudges].map((key) => seen.get(key)!);
        const streams = ['STREAMS', stream, nudges, ...ids] as const;
        const reply = await this.redis.xread('COUNT', READ_AT_ONCE, 'BLOCK', BLOCK_MS, ...streams);
        for (const [key, entries] of reply ?? []) {
          seen.set(key, entries.at(-1)![0]);
          if (key === stream) this.bells.ring(ANNOUNCED);
          else for (const [, fields] of entries) this.bells.ring(fields[1]!);
        }
      } catch {
        // What comes next may be a Redis that was put back to an earlier state: its end is looked up anew.
        seen.clear();
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async end(key: string): Promise<string> {
    const [last] = await this.redis.xrevrange(key, '+', '-', 'COUNT', 1);
    return last?.[0] ?? FIRST_ID;
  }
}
