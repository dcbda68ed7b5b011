import type { Redis } from 'ioredis';
import { FIRST_ID, isBefore } from '../redis/entry-id.js';
import { Heartbeat } from '../redis/heartbeat.js';
import type { RedisKeys } from '../redis/keys.js';
import { reachRedis, unlessAway } from '../redis/reach.js';
import type { StreamTail } from '../redis/stream-tail.js';
import { fromEntry, matches, type AnnouncementFilter, type Announced } from './announcement.js';

const PAGE = 100;
/** How long to wait before looking again while Redis is away. */
export const AWAY_MS = 500;

/** What a subscriber receives, with the position to resume from. */
export type FollowItem =
  | { readonly kind: 'ready'; readonly position: string }
  | ({ readonly kind: 'set' } & Announced)
  /** Announcements up to `position` have been trimmed before this subscriber saw all of them. */
  | { readonly kind: 'gap'; readonly position: string }
  /** A heartbeat: nothing for this subscriber happened for a while. */
  | { readonly kind: 'silence'; readonly position: string };

export interface FollowOptions {
  /** The position to resume from, `0` for the oldest that is kept; the end by default. */
  readonly after?: string | undefined;
  readonly filter: AnnouncementFilter;
  /** Only what this owner submitted. */
  readonly only?: string | undefined;
}

/**
 * The announcements in order, read at the pace at which they are taken: nothing is buffered for a slow subscriber. Waits
 * while Redis is away. Ends when `signal` is aborted.
 *
 * @throws CairnError `queue-unavailable` at the start.
 */
export async function* follow(
  log: AnnouncementLog,
  tail: StreamTail,
  { after, filter, only }: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<FollowItem> {
  const { growth } = tail;
  let position = await log.position(after);
  yield { kind: 'ready', position };
  const heartbeat = new Heartbeat();
  while (!signal.aborted) {
    const seen = growth.count;
    const page = await unlessAway(() => log.page(position));
    if (page?.missedUntil !== undefined) yield { kind: 'gap', position: (position = page.missedUntil) };
    for (const set of page?.sets ?? []) {
      position = set.id;
      if (only !== undefined && set.announcement.owner !== only) continue;
      if (!matches(filter, set.announcement)) continue;
      yield { kind: 'set', ...set };
      heartbeat.sent();
    }
    if (heartbeat.dueInMs <= 0) {
      yield { kind: 'silence', position };
      heartbeat.sent();
    }
    if (page && page.sets.length > 0) continue;
    await growth.after(seen, page ? heartbeat.dueInMs : AWAY_MS, signal);
  }
}

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
