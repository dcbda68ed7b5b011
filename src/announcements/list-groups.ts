import type { Redis } from 'ioredis';
import { reachRedis } from '../redis/reach.js';
import type { RedisKeys } from '../redis/keys.js';
import type { AnnouncementFilter } from './announcement.js';

type Keys = RedisKeys['announcements'];

export interface ConsumerStatus {
  readonly name: string;
  /** Delivered sets that it has not acknowledged. */
  readonly pending: number;
  readonly connected: boolean;
}

export interface GroupStatus {
  readonly name: string;
  readonly filter: AnnouncementFilter;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Delivered sets that are not acknowledged. */
  readonly pending: number;
  /** Announcements that the group has not read; null where Redis does not know. */
  readonly lag: number | null;
  /** The last announcement that the group has read. */
  readonly position: string;
  readonly consumers: readonly ConsumerStatus[];
}

/** All groups, sorted by name. @throws CairnError `queue-unavailable`. */
export function listGroups(redis: Redis, keys: Keys): Promise<GroupStatus[]> {
  return reachRedis(redis, async () => {
    const groups = await redis.xinfo('GROUPS', keys.stream).catch((error: unknown) => {
      // The stream does not exist before the first announcement or group.
      if (error instanceof Error && error.message.includes('no such key')) return [];
      throw error;
    });
    const statuses = await Promise.all((groups as unknown[][]).map((info) => statusOf(redis, keys, record(info))));
    return statuses.flatMap((status) => status ?? []);
  });
}

async function statusOf(redis: Redis, keys: Keys, info: Record<string, unknown>): Promise<GroupStatus | undefined> {
  const name = String(info['name']);
  const [meta, consumers] = await Promise.all([
    redis.hgetall(keys.group(name)),
    redis.xinfo('CONSUMERS', keys.stream, name).catch(() => []),
  ]);
  // Deleted since it was listed.
  if (meta['filter'] === undefined) return undefined;
  return {
    name,
    filter: JSON.parse(meta['filter']) as AnnouncementFilter,
    createdAt: new Date(Number(meta['createdAt'])).toISOString(),
    pending: Number(info['pending']),
    lag: typeof info['lag'] === 'number' ? info['lag'] : null,
    position: String(info['last-delivered-id']),
    consumers: consumersOf((consumers as unknown[][]).map(record), meta),
  };
}

/** Redis knows the consumers that were ever delivered to, the group's hash those that are connected. */
function consumersOf(known: readonly Record<string, unknown>[], meta: Record<string, string>): ConsumerStatus[] {
  const pending = new Map(known.map((consumer) => [String(consumer['name']), Number(consumer['pending'])]));
  const connected = new Set(Object.keys(meta).flatMap((field) => /^owner:(.+)$/.exec(field)?.[1] ?? []));
  return [...new Set([...pending.keys(), ...connected])]
    .sort()
    .map((name) => ({ name, pending: pending.get(name) ?? 0, connected: connected.has(name) }));
}

/** Alternating names and values, as Redis returns them. */
function record(flat: unknown[]): Record<string, unknown> {
  const entries = flat.flatMap((value, i) => (i % 2 === 0 ? [[value, flat[i + 1]]] : []));
  return Object.fromEntries(entries) as Record<string, unknown>;
}
