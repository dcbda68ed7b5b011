import { asCairnError } from '../errors.js';
import { ANNOUNCED, nudgeOf, type AnnouncementHub } from './announcement-hub.js';
import type { Bell } from './bell.js';
import type { ConsumerGroups, Delivered, JoinOptions, Membership, TakeOptions } from './consumer-groups.js';
import { AWAY_MS, SILENCE_MS } from './follow.js';

/** How often a consumer looks for sets that others have held for too long. */
const LOOK_EVERY_MS = 1000;

/** What a consumer is told. */
export type ConsumeItem =
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'set' } & Delivered)
  /** Announcements up to `position` are no longer held, and the group had not heard all of them. */
  | { readonly kind: 'gap'; readonly position: string }
  /** So many sets that were unacknowledged are no longer held. */
  | { readonly kind: 'lost'; readonly count: number }
  | { readonly kind: 'silence' }
  /** The group was deleted, or another connection bears the consumer's name. */
  | { readonly kind: 'end'; readonly reason: 'gone' | 'superseded' };

export type ConsumeOptions = JoinOptions & TakeOptions;

/**
 * The sets that fall to one consumer of a group, at most `prefetch` unacknowledged. A Redis that goes away is waited
 * for. Ends when `signal` is aborted.
 *
 * @throws CairnError `group-conflict` or `queue-unavailable` at the start.
 */
export async function* consume(
  groups: ConsumerGroups,
  hub: AnnouncementHub,
  membership: Membership,
  options: ConsumeOptions,
  signal: AbortSignal,
): AsyncGenerator<ConsumeItem> {
  const nudge = nudgeOf(membership.group, membership.consumer);
  const bell = hub.listen([ANNOUNCED, nudge]);
  const lookEveryMs = Math.min(LOOK_EVERY_MS, options.redeliverAfterMs);
  let held: string[] = [];
  try {
    await groups.join(membership, options);
    yield { kind: 'ready' };
    let spokenAt = performance.now();
    while (!signal.aborted) {
      const taken = await takeUnlessAway(groups, membership, options, held);
      if (taken && taken.state !== 'ok') {
        yield { kind: 'end', reason: taken.state };
        return;
      }
      if (taken) held = [...taken.held, ...taken.sets.map(({ id }) => id)];
      if (taken?.missedUntil !== undefined) yield { kind: 'gap', position: taken.missedUntil };
      if (taken && taken.lost > 0) yield { kind: 'lost', count: taken.lost };
      for (const set of taken?.sets ?? []) {
        yield { kind: 'set', ...set };
        spokenAt = performance.now();
      }
      if (performance.now() - spokenAt >= SILENCE_MS) {
        yield { kind: 'silence' };
        spokenAt = performance.now();
      }
      if (taken?.more) continue;
      // Who has its hands full need not look at what is new.
      await rung(bell, taken?.full ? [nudge] : [ANNOUNCED, nudge], taken ? lookEveryMs : AWAY_MS, signal);
    }
  } finally {
    bell.close();
    // Where this fails for want of Redis the name is forgotten later: another consumer's arrival sees to it.
    await groups.leave(membership).catch(() => undefined);
  }
}

/** Waits until one of the topics rings, at most `ms`. */
async function rung(bell: Bell, topics: readonly string[], ms: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  for (let left = ms; left > 0; left = end - performance.now()) {
    const heard = await bell.next(left, signal);
    if (signal.aborted || topics.some((topic) => heard.has(topic))) return;
  }
}

async function takeUnlessAway(
  groups: ConsumerGroups,
  membership: Membership,
  options: TakeOptions,
  held: readonly string[],
): Promise<Awaited<ReturnType<ConsumerGroups['take']>> | undefined> {
  try {
    return await groups.take(membership, options, held);
  } catch (error) {
    if (asCairnError(error).code === 'queue-unavailable') return undefined;
    throw error;
  }
}
