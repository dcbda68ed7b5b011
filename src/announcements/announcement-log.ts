import type { Redis } from 'ioredis';
import { reachRedis } from '../redis/reach.js';
import { fromEntry, type Announced, type AnnouncementKeys } from './announcement.js';
import { FIRST_ID, isBefore } from './entry-id.js';

const PAGE = 100;

/** What follows a position. */
export interface Page {
  readonly sets: readonly Announced[];
  /** Present where some of what followed is no longer held: the newest id that is not. */
  readonly missedUntil?: string;
}

/** Reads the stream of announcements; those who read the same page at the same moment share one answer. */
export class AnnouncementLog {
  private readonly underWay = new Map<string, Promise<Page>>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: AnnouncementKeys,
  ) {}

  /**
   * Where to begin: at the end without `after`, before the oldest that is held with `0`, else at `after`, or at the end
   * where `after` lies ahead of it.
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
    const shared = this.underWay.get(after);
    if (shared) return shared;
    const page = this.read(after).finally(() => this.underWay.delete(after));
    this.underWay.set(after, page);
    return page;
  }

  private async read(after: string): Promise<Page> {
    const { stream, trimmed } = this.keys;
    // Both in one step: what is dropped between two looks would be told as missed and then be sent.
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
