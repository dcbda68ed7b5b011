import type { Redis } from 'ioredis';

/** Runs in Redis as one step. */
export type RedisScript = (keys: readonly string[], ...args: (string | number)[]) => Promise<unknown>;

/** A Lua script, sent once a connection and named by its digest afterwards. */
export function defineScript(redis: Redis, name: string, lua: string): RedisScript {
  redis.defineCommand(name, { lua });
  const run = (redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown>>)[name]!;
  return (keys, ...args) => run.call(redis, keys.length, ...keys, ...args);
}
