import type { Redis } from 'ioredis';

/**
 * Every Redis key of ours, and the prefix of BullMQ's. All derive from one prefix: with a hash tag in it, such as `{cairn}`,
 * all keys lie in one slot of a Redis Cluster, as scripts and transactions require.
 */
export function redisKeys(prefix: string) {
  const stream = `${prefix}:announcements`;
  return {
    /** BullMQ's prefix; its own keys are made by `queue.toKey`. */
    prefix,
    /** Written to see whether Redis accepts writes. */
    probe: `${prefix}:probe`,
    /** Marks a job or a batch as cancelled. */
    cancelled: (id: string) => `${prefix}:cancelled:${id}`,
    /** The channel on which workers receive the ids of cancelled jobs and batches. */
    cancelChannel: `${prefix}:cancel`,
    /** Says that a job computes a feature set; a set of the jobs that wait for it. */
    computing: (featuresId: string) => {
      const claim = `${prefix}:computing:${featuresId}`;
      return { claim, waiting: `${claim}:waiting` };
    },
    /** Counts downloads from a host within one second. */
    downloads: (host: string, second: number) => `${prefix}:downloads:${host}:${second}`,
    batch: (id: string) => {
      const hash = `${prefix}:batch:${id}`;
      /** `recorded` and `announced` have one bit per line, `results` is a stream. */
      return { hash, recorded: `${hash}:recorded`, announced: `${hash}:announced`, results: `${hash}:results` };
    },
    /** What API keys have used. */
    usage: {
      /** Begins the keys of `@fastify/rate-limit`; the owner follows. */
      requests: `${prefix}:usage:requests:`,
      /** A sorted set: the ids of an owner's jobs that have not ended, by the time of their submission. */
      jobs: (owner: string) => `${prefix}:usage:jobs:${owner}`,
      bytes: (owner: string, day: string) => `${prefix}:usage:bytes:${owner}:${day}`,
    },
    announcements: {
      stream,
      /** The newest id that was trimmed off the stream. */
      trimmed: `${stream}:trimmed`,
      /** A hash: what Redis itself does not keep of a consumer group. */
      group: (name: string) => `${stream}:group:${name}`,
    },
  };
}
export type RedisKeys = ReturnType<typeof redisKeys>;

/** Runs atomically in Redis. Keys that the script touches are all declared here, so that a Redis Cluster can route it. */
export type RedisScript = (keys: readonly string[], ...args: (string | number)[]) => Promise<unknown>;
export type RedisScripts<Name extends string> = Readonly<Record<Name, RedisScript>>;

/** Lua scripts by name, each sent once per connection and then named by its digest. */
export function defineScripts<Name extends string>(redis: Redis, scripts: Readonly<Record<Name, string>>) {
  const commands = redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown>>;
  const entries = Object.entries<string>(scripts).map(([name, lua]): [string, RedisScript] => {
    redis.defineCommand(name, { lua });
    return [name, (keys, ...args) => commands[name]!(keys.length, ...keys, ...args)];
  });
  return Object.fromEntries(entries) as RedisScripts<Name>;
}
