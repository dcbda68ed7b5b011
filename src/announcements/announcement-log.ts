import type { Redis } from 'ioredis';
import { FIRST_ID, isBefore } from '../redis/entry-id.js';
import type { RedisKeys } from '../redis/keys.js';
import { reachRedis } from '../redis/reach.js';
import { fromEntry, type Announced } from './announcement.js';

const PAGE = 100;

/** The announcements that follow a position. */
export interface Page {
  readonly sets: readonly Announced[];
  /** Present where some of what followed has been trimmed: the newest trimmed id. */
  readonly missedUntil?: string;
}

/** Reads the stream of announcements; concurrent readers of the same page share one read. */
export class AnnouncementLog {
  private readonly reading = new Map<string, Promise<Page>>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: RedisKeys['announcements'],
  ) {}

  /**
   * Where to begin: at the end without `after`, before the oldest entry with `0`, else at `after`, or at the end where
   * `after` lies beyond it.
   *
   * @throws CairnError `queue-unavailable`.
   */
  async position(after?: string): Promise<string> {
    const { stream, trimmed } = this.keys;
    const [last, dropped] = await reachRedis(this.redis, () =>
      Promise.all([this.redis.xrevrange(stream, '+', '-', 'COUNT', 1), this.redis.get(trimmed)]),
    );
    if (after === '0') return dropped ?? FIRST_ID;
    const end = last[0]?.[0] ?? FIRST_ID;
    return after !== undefined && isBefore(after, end) ? after : end;
  }

  /** @throws CairnError `queue-unavailable`. */
  page(after: string): Promise<Page> {
    const shared = this.reading.get(after);
    if (shared) return shared;
    const page = this.read(after).finally(() => this.reading.delete(after));
    this.reading.set(after, page);
    return page;
  }

  private async read(after: string): Promise<Page> {
    const { stream, trimmed } = this.keys;
    // In one transaction: an entry trimmed between two reads would be reported as missed and then be sent.
    const replies = await reachRedis(this.redis, () =>
      this.redis.multi().get(trimmed).xrange(stream, `(${after}`, '+', 'COUNT', PAGE).exec(),
    );
    const [dropped, entries] = (replies ?? []).map(([error, value]) => {
      if (error) throw error;
      return value;
    }) as [string | null, [string, string[]][]];
    const missed = dropped !== null && isBefore(after, dropped);
    return { sets: entries.map(fromEntry), ...(missed && { missedUntil: dropped }) };
  }
}
