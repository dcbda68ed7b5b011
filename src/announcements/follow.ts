import { asCairnError } from '../errors.js';
import { matches, type AnnouncementFilter, type Announced } from './announcement.js';
import { ANNOUNCED, type AnnouncementHub } from './announcement-hub.js';
import type { AnnouncementLog, Page } from './announcement-log.js';

/** Proxies close connections that are silent for a minute. */
export const SILENCE_MS = 15_000;
/** How long to wait for a Redis that is away before the next look. */
export const AWAY_MS = 500;

/** What a subscriber is told, with the position to resume from. */
export type FollowItem =
  | { readonly kind: 'ready'; readonly position: string }
  | ({ readonly kind: 'set' } & Announced)
  /** Announcements up to `position` are no longer held, and this subscriber has not seen all of them. */
  | { readonly kind: 'gap'; readonly position: string }
  /** Nothing that matters to this subscriber happened for a while. */
  | { readonly kind: 'silence'; readonly position: string };

export interface FollowOptions {
  /** The position to resume from, `0` for the oldest that is held; from now on by default. */
  readonly after?: string | undefined;
  readonly filter: AnnouncementFilter;
}

/**
 * Announcements one after the other, read as fast as they are taken: nothing is kept for a slow reader. A Redis that
 * goes away is waited for. Ends when `signal` is aborted.
 *
 * @throws CairnError `queue-unavailable` at the start.
 */
export async function* follow(
  log: AnnouncementLog,
  hub: AnnouncementHub,
  { after, filter }: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<FollowItem> {
  const bell = hub.listen([ANNOUNCED]);
  try {
    let position = await log.position(after);
    yield { kind: 'ready', position };
    let spokenAt = performance.now();
    while (!signal.aborted) {
      const page = await pageUnlessAway(log, position);
      if (page?.missedUntil !== undefined) yield { kind: 'gap', position: (position = page.missedUntil) };
      for (const set of page?.sets ?? []) {
        position = set.id;
        if (!matches(filter, set.announcement)) continue;
        yield { kind: 'set', ...set };
        spokenAt = performance.now();
      }
      if (performance.now() - spokenAt >= SILENCE_MS) {
        yield { kind: 'silence', position };
        spokenAt = performance.now();
      }
      if (page && page.sets.length > 0) continue;
      await bell.next(page ? spokenAt + SILENCE_MS - performance.now() : AWAY_MS, signal);
    }
  } finally {
    bell.close();
  }
}

async function pageUnlessAway(log: AnnouncementLog, position: string): Promise<Page | undefined> {
  try {
    return await log.page(position);
  } catch (error) {
    if (asCairnError(error).code === 'queue-unavailable') return undefined;
    throw error;
  }
}
