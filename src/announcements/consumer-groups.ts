import type { Redis } from 'ioredis';
import { z } from 'zod';
import { CairnError } from '../errors.js';
import { reachRedis } from '../redis/reach.js';
import { defineScripts, type RedisKeys, type RedisScripts } from '../redis/keys.js';
import { ChangeCounter } from '../redis/stream-tail.js';
import { fromEntry, type AnnouncementFilter, type Announced } from './announcement.js';
import * as SCRIPTS from './group-scripts.js';

export const MAX_GROUPS = 256;
/** Seven days: a consumer that runs once a week finds its group. */
const GROUP_IDLE_MS = 7 * 24 * 3600_000;

/** One connection of one consumer of a group. */
export interface Membership {
  readonly group: string;
  readonly consumer: string;
  /** Identifies the connection. */
  readonly token: string;
}

export interface JoinOptions {
  /** Which announcements the group wants; undefined for the filter that the group has. */
  readonly filter: AnnouncementFilter | undefined;
  /** Where a new group begins: after this id, `0` for the oldest that is kept, `$` for now. */
  readonly from: string;
}

export interface TakeOptions {
  readonly prefetch: number;
  readonly redeliverAfterMs: number;
  /** Only what this owner submitted; the group skips the rest. */
  readonly only?: string | undefined;
}

/** A delivered set, with its delivery count. */
export interface Delivered extends Announced {
  readonly delivery: number;
}

export interface Taken {
  readonly state: 'ok';
  readonly sets: readonly Delivered[];
  /** Of the ids that the connection held, those that are still unacknowledged. */
  readonly held: readonly string[];
  /** The consumer holds `prefetch` sets: it gets no more before one is acknowledged or held for too long. */
  readonly full: boolean;
  /** There may be more than one step reached. */
  readonly more: boolean;
  /** Announcements up to this id were trimmed before the group saw them. */
  readonly missedUntil: string | undefined;
  /** How many unacknowledged sets have been trimmed. */
  readonly lost: number;
}

const takenSchema = z.tuple([
  z.array(z.tuple([z.string(), z.array(z.string()), z.number()])),
  z.array(z.string()),
  z.number(),
  z.number(),
  z.string(),
  z.number(),
]);

/** Redis's own consumer groups, each step of ours in one script. All methods throw `queue-unavailable` while Redis is away. */
export class ConsumerGroups {
  /** Acknowledgements through this object; those at other servers are found by looking. */
  readonly acknowledgements = new ChangeCounter();
  private readonly scripts: RedisScripts<keyof typeof SCRIPTS>;

  constructor(
    private readonly redis: Redis,
    private readonly keys: RedisKeys['announcements'],
    /** A group without consumers for this long gives way to a new one when there are too many. */
    private readonly idleMs = GROUP_IDLE_MS,
  ) {
    this.scripts = defineScripts(redis, SCRIPTS);
  }

  /**
   * Creates the group unless it exists, and gives the consumer's name to this connection.
   *
   * @throws CairnError `group-conflict` when the group has another filter, or there are too many groups.
   */
  async join({ group, consumer, token }: Membership, { filter, from }: JoinOptions): Promise<void> {
    const filterText = filter ? JSON.stringify(canonical(filter)) : '';
    const open = async () => {
      const reply = await this.run('openGroup', group, consumer, token, filterText, from, MAX_GROUPS);
      return found(group, reply) as [string, string?];
    };
    let [state, other] = await open();
    if (state === 'many' && (await this.removeIdle())) [state, other] = await open();
    if (state === 'conflict') {
      throw new CairnError('group-conflict', `Group ${group} was made with another filter: ${other!}.`);
    }
    if (state === 'many') {
      throw new CairnError('group-conflict', `There are ${MAX_GROUPS} groups, which is the limit; delete one.`);
    }
  }

  /** The sets to deliver to the connection now; `held` are the ids that it was given before. */
  async take(
    { group, consumer, token }: Membership,
    { prefetch, redeliverAfterMs, only = '' }: TakeOptions,
    held: Iterable<string>,
  ): Promise<Taken | { readonly state: 'gone' | 'superseded' }> {
    const reply = await this.run('takeSets', group, consumer, token, prefetch, redeliverAfterMs, only, ...held);
    if (reply === -1) return { state: 'gone' };
    if (reply === 0) return { state: 'superseded' };
    const [sets, still, full, more, missedUntil, lost] = takenSchema.parse(reply);
    return {
      state: 'ok',
      sets: sets.map(([id, fields, delivery]) => ({ ...fromEntry([id, fields]), delivery })),
      held: still,
      full: full === 1,
      more: more === 1,
      missedUntil: missedUntil === '' ? undefined : missedUntil,
      lost,
    };
  }

  /** The connection has ended. Leaving a group that is gone is no error. */
  async leave({ group, consumer, token }: Membership): Promise<void> {
    await this.run('leaveGroup', group, consumer, token);
  }

  /** Acknowledges sets; returns how many were unacknowledged until now. @throws CairnError `group-not-found`. */
  async acknowledge(group: string, ids: readonly string[]): Promise<number> {
    const count = z.number().parse(found(group, await this.run('acknowledgeSets', group, ...ids)));
    this.acknowledgements.bump();
    return count;
  }

  /** Restarts a consumer's time limit for sets; returns the ids that it still holds. @throws CairnError `group-not-found`. */
  async extend(group: string, consumer: string, ids: readonly string[]): Promise<string[]> {
    return z.array(z.string()).parse(found(group, await this.run('extendSets', group, consumer, ...ids)));
  }

  /** Deletes a group with its unacknowledged sets. @throws CairnError `group-not-found`. */
  async remove(group: string): Promise<void> {
    found(group, await this.run('removeGroup', group));
  }

  /** Removes groups that nobody uses any more; returns whether there were any. */
  async removeIdle(): Promise<boolean> {
    const groups = (await reachRedis(this.redis, () => this.redis.xinfo('GROUPS', this.keys.stream))) as unknown[][];
    let removed = 0;
    // Each reply is a list of names and values, the name of the group first.
    for (const [, name] of groups) removed += Number(await this.run('removeIdleGroup', String(name), this.idleMs));
    return removed > 0;
  }

  /** -1 where the stream is gone, or Redis was restored to a state before the group. */
  private async run(name: keyof typeof SCRIPTS, group: string, ...args: (string | number)[]): Promise<unknown> {
    const { stream, trimmed } = this.keys;
    const keys = [stream, trimmed, this.keys.group(group)];
    try {
      return await reachRedis(this.redis, () => this.scripts[name](keys, group, ...args));
    } catch (error) {
      const { cause } = error as CairnError;
      if (cause instanceof Error && cause.message.includes('NOGROUP')) return -1;
      throw error;
    }
  }
}

/** Canonical form of a filter. */
function canonical({ models, batches }: AnnouncementFilter): AnnouncementFilter {
  return { models: [...new Set(models)].sort(), batches: [...new Set(batches)].sort() };
}

/** The reply of a script, which is -1 where there is no such group. */
function found(group: string, reply: unknown): unknown {
  if (reply === -1) throw new CairnError('group-not-found', `There is no group ${group}.`);
  return reply;
}
