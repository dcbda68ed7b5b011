import type { Redis } from 'ioredis';
import { z } from 'zod';
import { CairnError } from '../errors.js';
import { reachRedis } from '../redis/reach.js';
import { defineScript, type RedisScript } from '../redis/script.js';
import { fromEntry, type AnnouncementFilter, type AnnouncementKeys, type Announced } from './announcement.js';
import { ACKNOWLEDGE, EXTEND, LEAVE, OPEN_GROUP, REMOVE, TAKE } from './group-scripts.js';

export const MAX_GROUPS = 256;

/** Who consumes: one connection of one consumer of a group. */
export interface Membership {
  readonly group: string;
  readonly consumer: string;
  /** Of this connection alone. */
  readonly token: string;
}

export interface JoinOptions {
  /** What the group hears of; that of the group where nothing is said. */
  readonly filter: AnnouncementFilter | undefined;
  /** Where a group that is only now made begins: after this id, `0` for the oldest that is held, `$` for now. */
  readonly from: string;
}

export interface TakeOptions {
  readonly prefetch: number;
  readonly redeliverAfterMs: number;
}

/** A set that was given to a consumer, for the how manieth time. */
export interface Delivered extends Announced {
  readonly delivery: number;
}

export interface Taken {
  readonly state: 'ok';
  readonly sets: readonly Delivered[];
  /** Of the ids that the connection held, those that are not acknowledged. */
  readonly held: readonly string[];
  /** Nothing more may be taken before something is acknowledged or has been held for too long. */
  readonly full: boolean;
  /** There may be more, which one step did not reach. */
  readonly more: boolean;
  /** What the group had not heard up to this id is no longer held. */
  readonly missedUntil: string | undefined;
  /** Sets that were unacknowledged and are no longer held. */
  readonly lost: number;
}

const takenSchema = z.tuple([
  z.literal('ok'),
  z.array(z.tuple([z.string(), z.array(z.string()), z.number()])),
  z.array(z.string()),
  z.number(),
  z.number(),
  z.string(),
  z.number(),
]);

/** Redis's own consumer groups, each step of ours in one script. All throw `queue-unavailable` while Redis is away. */
export class ConsumerGroups {
  private readonly scripts: Record<'open' | 'take' | 'leave' | 'acknowledge' | 'extend' | 'remove', RedisScript>;

  constructor(
    private readonly redis: Redis,
    private readonly keys: AnnouncementKeys,
  ) {
    this.scripts = {
      open: defineScript(redis, 'openGroup', OPEN_GROUP),
      take: defineScript(redis, 'takeSets', TAKE),
      leave: defineScript(redis, 'leaveGroup', LEAVE),
      acknowledge: defineScript(redis, 'acknowledgeSets', ACKNOWLEDGE),
      extend: defineScript(redis, 'extendSets', EXTEND),
      remove: defineScript(redis, 'removeGroup', REMOVE),
    };
  }

  /**
   * Makes the group unless it is there, and the connection the one that bears its consumer's name.
   *
   * @throws CairnError `group-conflict` when the group has another filter, or there are too many groups.
   */
  async join({ group, consumer, token }: Membership, { filter, from }: JoinOptions): Promise<void> {
    const wanted = filter ? JSON.stringify(normalised(filter)) : '';
    const reply = (await this.run('open', group, consumer, token, wanted, from, MAX_GROUPS)) as [string, string?];
    if (reply[0] === 'conflict') {
      throw new CairnError('group-conflict', `Group ${group} was made with another filter: ${reply[1]!}.`);
    }
    if (reply[0] === 'many') {
      throw new CairnError('group-conflict', `There are ${MAX_GROUPS} groups, which is the limit; delete one.`);
    }
  }

  /** What the connection may have now; `held` are the ids that it was given before. */
  async take(
    { group, consumer, token }: Membership,
    { prefetch, redeliverAfterMs }: TakeOptions,
    held: Iterable<string>,
  ): Promise<Taken | { readonly state: 'gone' | 'superseded' }> {
    const reply = (await this.run('take', group, consumer, token, prefetch, redeliverAfterMs, ...held).catch(
      (error: unknown) => {
        if (isNoGroup(error)) return ['gone'];
        throw error;
      },
    )) as [Taken['state'] | 'gone' | 'superseded', ...unknown[]];
    if (reply[0] !== 'ok') return { state: reply[0] };
    const [state, sets, still, full, more, missedUntil, lost] = takenSchema.parse(reply);
    return {
      state,
      sets: sets.map(([id, fields, delivery]) => ({ ...fromEntry([id, fields]), delivery })),
      held: still,
      full: full === 1,
      more: more === 1,
      missedUntil: missedUntil === '' ? undefined : missedUntil,
      lost,
    };
  }

  /** The connection has ended. A group that is gone meanwhile is left as well. */
  async leave({ group, consumer, token }: Membership): Promise<void> {
    await this.run('leave', group, consumer, token).catch((error: unknown) => {
      if (!isNoGroup(error)) throw error;
    });
  }

  /** How many of the sets were unacknowledged until now. @throws CairnError `group-not-found`. */
  async acknowledge(group: string, ids: readonly string[]): Promise<number> {
    return z.number().parse(await this.runOn('acknowledge', group, ...ids));
  }

  /** Lets a consumer's time with sets begin anew; the ids that it still holds. @throws CairnError `group-not-found`. */
  async extend(group: string, consumer: string, ids: readonly string[]): Promise<string[]> {
    return z.array(z.string()).parse(await this.runOn('extend', group, consumer, ...ids));
  }

  /** Deletes a group with what it has not acknowledged. @throws CairnError `group-not-found`. */
  async remove(group: string): Promise<void> {
    if ((await this.run('remove', group)) !== 1) throw notFound(group);
  }

  private async runOn(name: 'acknowledge' | 'extend', group: string, ...args: string[]): Promise<unknown> {
    const reply = await this.run(name, group, ...args).catch((error: unknown) => {
      if (isNoGroup(error)) return -1;
      throw error;
    });
    if (reply === -1) throw notFound(group);
    return reply;
  }

  private run(name: keyof typeof this.scripts, group: string, ...args: (string | number)[]): Promise<unknown> {
    const { stream, trimmed, nudges } = this.keys;
    const keys = [stream, trimmed, nudges, this.keys.group(group)];
    return reachRedis(this.redis, () => this.scripts[name](keys, group, ...args));
  }
}

/** The same wish in the same words, whatever order it was told in. */
function normalised({ models, batches }: AnnouncementFilter): AnnouncementFilter {
  return { models: [...new Set(models)].sort(), batches: [...new Set(batches)].sort() };
}

/** The stream is gone, or was put back to before the group was made. */
function isNoGroup(error: unknown): boolean {
  const { cause } = error as CairnError;
  return cause instanceof Error && cause.message.includes('NOGROUP');
}

function notFound(group: string): CairnError {
  return new CairnError('group-not-found', `There is no group ${group}.`);
}
