import { Heartbeat } from '../redis/heartbeat.js';
import { unlessAway } from '../redis/reach.js';
import type { StreamTail } from '../redis/stream-tail.js';
import type { ConsumerGroups, Delivered, JoinOptions, Membership, TakeOptions } from './consumer-groups.js';
import { AWAY_MS } from './follow.js';

/**
 * How often a consumer looks for what only Redis knows: sets that others have held for too long, acknowledgements at another
 * server, a newer connection of the same name.
 */
const LOOK_EVERY_MS = 250;

/** What a consumer receives. */
export type ConsumeItem =
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'set' } & Delivered)
  /** Announcements up to `position` have been trimmed before the group saw all of them. */
  | { readonly kind: 'gap'; readonly position: string }
  /** So many unacknowledged sets have been trimmed. */
  | { readonly kind: 'lost'; readonly count: number }
  /** A heartbeat. */
  | { readonly kind: 'silence' }
  /** The group was deleted, or another connection has taken over the consumer's name. */
  | { readonly kind: 'end'; readonly reason: 'gone' | 'superseded' };

export type ConsumeOptions = JoinOptions & TakeOptions;

/**
 * The sets that are delivered to one consumer of a group, at most `prefetch` unacknowledged. Waits while Redis is away. Ends
 * when `signal` is aborted.
 *
 * @throws CairnError `group-conflict` or `queue-unavailable` at the start.
 */
export async function* consume(
  groups: ConsumerGroups,
  tail: StreamTail,
  membership: Membership,
  options: ConsumeOptions,
  signal: AbortSignal,
): AsyncGenerator<ConsumeItem> {
  const lookEveryMs = Math.min(LOOK_EVERY_MS, options.redeliverAfterMs);
  let held: string[] = [];
  try {
    await groups.join(membership, options);
    yield { kind: 'ready' };
    const heartbeat = new Heartbeat();
    while (!signal.aborted) {
      const announced = tail.growth.count;
      const acknowledged = groups.acknowledgements.count;
      const taken = await unlessAway(() => groups.take(membership, options, held));
      if (taken && taken.state !== 'ok') {
        yield { kind: 'end', reason: taken.state };
        return;
      }
      if (taken) held = [...taken.held, ...taken.sets.map(({ id }) => id)];
      if (taken?.missedUntil !== undefined) yield { kind: 'gap', position: taken.missedUntil };
      if (taken && taken.lost > 0) yield { kind: 'lost', count: taken.lost };
      for (const set of taken?.sets ?? []) {
        yield { kind: 'set', ...set };
        heartbeat.sent();
      }
      if (heartbeat.dueInMs <= 0) {
        yield { kind: 'silence' };
        heartbeat.sent();
      }
      if (taken?.more) continue;
      const waitMs = taken ? lookEveryMs : AWAY_MS;
      // A full consumer ignores new announcements.
      if (taken?.full) await groups.acknowledgements.after(acknowledged, waitMs, signal);
      else await tail.growth.after(announced, waitMs, signal);
    }
  } finally {
    // If Redis is away the name expires later, when another consumer joins.
    await groups.leave(membership).catch(() => undefined);
  }
}
