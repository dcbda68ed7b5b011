import type { Redis } from 'ioredis';

/** Runs atomically in Redis. Keys that the script touches are all declared here, so that a Redis Cluster can route it. */
export type RedisScript = (keys: readonly string[], ...args: (string | number)[]) => Promise<unknown>;

/** A Lua script, sent once per connection and then named by its digest. */
export function defineScript(redis: Redis, name: string, lua: string): RedisScript {
  redis.defineCommand(name, { lua });
  const run = (redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown>>)[name]!;
  return (keys, ...args) => run.call(redis, keys.length, ...keys, ...args);
}
