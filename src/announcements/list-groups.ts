import type { Redis } from 'ioredis';
import { reachRedis } from '../redis/reach.js';
import type { AnnouncementFilter, AnnouncementKeys } from './announcement.js';

export interface ConsumerStatus {
  readonly name: string;
  /** Sets that it was given and has not acknowledged. */
  readonly pending: number;
  readonly connected: boolean;
}

export interface GroupStatus {
  readonly name: string;
  readonly filter: AnnouncementFilter;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Sets that were given to consumers and are not acknowledged. */
  readonly pending: number;
  /** Announcements that the group has not looked at; null where Redis cannot tell. */
  readonly lag: number | null;
  /** What the group has looked at ends here. */
  readonly position: string;
  readonly consumers: readonly ConsumerStatus[];
}

/** All groups, in the order of their names. @throws CairnError `queue-unavailable`. */
export function listGroups(redis: Redis, keys: AnnouncementKeys): Promise<GroupStatus[]> {
  return reachRedis(redis, async () => {
    const groups = await redis.xinfo('GROUPS', keys.stream).catch((error: unknown) => {
      // Nothing was announced yet, and nobody has asked.
      if (error instanceof Error && error.message.includes('no such key')) return [];
      throw error;
    });
    const statuses = await Promise.all((groups as unknown[][]).map((info) => statusOf(redis, keys, record(info))));
    return statuses.flatMap((status) => status ?? []);
  });
}

async function statusOf(
  redis: Redis,
  keys: AnnouncementKeys,
  info: Record<string, unknown>,
): Promise<GroupStatus | undefined> {
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

/** Redis knows of those that were ever given something, the group's hash of those that are connected. */
function consumersOf(known: readonly Record<string, unknown>[], meta: Record<string, string>): ConsumerStatus[] {
  const pending = new Map(known.map((consumer) => [String(consumer['name']), Number(consumer['pending'])]));
  const connected = new Set(Object.keys(meta).flatMap((field) => /^owner:(.+)$/.exec(field)?.[1] ?? []));
  return [...new Set([...pending.keys(), ...connected])]
    .sort()
    .map((name) => ({ name, pending: pending.get(name) ?? 0, connected: connected.has(name) }));
}

/** Names and values in turn, as Redis replies them. */
function record(flat: unknown[]): Record<string, unknown> {
  const entries = flat.flatMap((value, i) => (i % 2 === 0 ? [[value, flat[i + 1]]] : []));
  return Object.fromEntries(entries) as Record<string, unknown>;
}
