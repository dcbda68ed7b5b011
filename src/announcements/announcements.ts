import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { closeWithin, failFastConnection } from '../redis/connections.js';
import { announcementKeys, type AnnouncementKeys } from './announcement.js';
import { AnnouncementHub } from './announcement-hub.js';
import { AnnouncementLog } from './announcement-log.js';
import { consume, type ConsumeItem, type ConsumeOptions } from './consume.js';
import { ConsumerGroups } from './consumer-groups.js';
import { follow, type FollowItem, type FollowOptions } from './follow.js';
import { listGroups, type GroupStatus } from './list-groups.js';

const CLOSE_MS = 1000;

/** What is announced, for any number of subscribers and groups, over two connections to Redis however many there are. */
export class Announcements {
  readonly groups: ConsumerGroups;
  private readonly redis: Redis;
  private readonly keys: AnnouncementKeys;
  private readonly hub: AnnouncementHub;
  private readonly log: AnnouncementLog;
  /** Who is being told, and when that has come to its end. */
  private readonly told = new Map<AbortController, Promise<void>>();
  private closed = false;

  constructor(redisUrl: string, prefix: string) {
    this.redis = failFastConnection(redisUrl);
    this.keys = announcementKeys(prefix);
    this.hub = new AnnouncementHub(redisUrl, this.keys);
    this.log = new AnnouncementLog(this.redis, this.keys);
    this.groups = new ConsumerGroups(this.redis, this.keys);
  }

  /** As the function `follow`, until `stop` is aborted, which happens too when this is closed. */
  follow(options: FollowOptions, stop: AbortController): AsyncGenerator<FollowItem> {
    return this.tell(follow(this.log, this.hub, options, stop.signal), stop);
  }

  /** As the function `consume`, under a token of its own, until `stop` is aborted, which happens too when this is closed. */
  consume(
    { group, consumer }: { readonly group: string; readonly consumer: string },
    options: ConsumeOptions,
    stop: AbortController,
  ): AsyncGenerator<ConsumeItem> {
    const membership = { group, consumer, token: randomUUID() };
    return this.tell(consume(this.groups, this.hub, membership, options, stop.signal), stop);
  }

  /** @throws CairnError `queue-unavailable`. */
  listGroups(): Promise<GroupStatus[]> {
    return listGroups(this.redis, this.keys);
  }

  /** Ends all that follow and consume, and lets consumers take their leave. May be called twice. */
  async close(): Promise<void> {
    this.closed = true;
    for (const stop of this.told.keys()) stop.abort();
    await closeWithin(CLOSE_MS, Promise.all(this.told.values()));
    this.hub.close();
    this.redis.disconnect();
  }

  private async *tell<T>(items: AsyncGenerator<T>, stop: AbortController): AsyncGenerator<T> {
    if (this.closed) return;
    let end: () => void = () => undefined;
    this.told.set(stop, new Promise((resolve) => (end = resolve)));
    try {
      yield* items;
    } finally {
      this.told.delete(stop);
      end();
    }
  }
}
