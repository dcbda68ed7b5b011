import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { closeWithin } from '../redis/connections.js';
import type { RedisKeys } from '../redis/keys.js';
import { StreamTail } from '../redis/stream-tail.js';
import { consume, type ConsumeItem, type ConsumeOptions } from './consume.js';
import { ConsumerGroups } from './consumer-groups.js';
import { AnnouncementLog, follow, type FollowItem, type FollowOptions } from './follow.js';
import { listGroups, type GroupStatus } from './list-groups.js';

const CLOSE_MS = 1000;

export interface AnnouncementsParts {
  /** A fail-fast connection. */
  readonly redis: Redis;
  /** A connection for the blocking read of `StreamTail`. */
  readonly blocking: Redis;
  readonly keys: RedisKeys;
  /** See `ConsumerGroups`. */
  readonly groupIdleMs?: number;
}

/** The announcements, for any number of subscribers and consumer groups, over two connections to Redis. */
export class Announcements {
  readonly groups: ConsumerGroups;
  private readonly redis: Redis;
  private readonly keys: RedisKeys['announcements'];
  private readonly tail: StreamTail;
  private readonly log: AnnouncementLog;
  /** The open sequences, each with the promise of its end. */
  private readonly active = new Map<AbortController, Promise<void>>();
  private closed = false;

  constructor({ redis, blocking, keys, groupIdleMs }: AnnouncementsParts) {
    this.redis = redis;
    this.keys = keys.announcements;
    this.tail = new StreamTail(blocking, this.keys.stream);
    this.log = new AnnouncementLog(redis, this.keys);
    this.groups = new ConsumerGroups(redis, this.keys, groupIdleMs);
  }

  /** As the function `follow`, until `stop` is aborted, which closing this does too. */
  follow(options: FollowOptions, stop: AbortController): AsyncGenerator<FollowItem> {
    return this.track(follow(this.log, this.tail, options, stop.signal), stop);
  }

  /** As the function `consume`, under a token of its own, until `stop` is aborted, which closing this does too. */
  consume(
    { group, consumer }: { readonly group: string; readonly consumer: string },
    options: ConsumeOptions,
    stop: AbortController,
  ): AsyncGenerator<ConsumeItem> {
    const membership = { group, consumer, token: randomUUID() };
    return this.track(consume(this.groups, this.tail, membership, options, stop.signal), stop);
  }

  /** @throws CairnError `queue-unavailable`. */
  listGroups(): Promise<GroupStatus[]> {
    return listGroups(this.redis, this.keys);
  }

  /** Ends all subscribers and consumers, and lets consumers leave their groups. May be called twice. */
  async close(): Promise<void> {
    this.closed = true;
    for (const stop of this.active.keys()) stop.abort();
    await closeWithin(CLOSE_MS, Promise.all(this.active.values()));
    this.tail.close();
  }

  private async *track<T>(items: AsyncGenerator<T>, stop: AbortController): AsyncGenerator<T> {
    if (this.closed) return;
    let end: () => void = () => undefined;
    this.active.set(stop, new Promise((resolve) => (end = resolve)));
    try {
      yield* items;
    } finally {
      this.active.delete(stop);
      end();
    }
  }
}
