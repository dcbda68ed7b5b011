import { Heartbeat } from '../redis/heartbeat.js';
import { unlessAway } from '../redis/reach.js';
import type { StreamTail } from '../redis/stream-tail.js';
import { matches, type AnnouncementFilter, type Announced } from './announcement.js';
import type { AnnouncementLog } from './announcement-log.js';

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
  { after, filter }: FollowOptions,
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
