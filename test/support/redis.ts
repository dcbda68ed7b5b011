import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { startPrivateRedis, type PrivateRedis, type PrivateRedisOptions } from '../../scripts/redis.mjs';
import { RedisConnections } from '../../src/redis/connections.js';
import { redisKeys, type RedisKeys } from '../../src/redis/keys.js';

export interface TestRedis {
  readonly server: PrivateRedis;
  readonly connections: RedisConnections;
  /** A patient connection, for what is tested and for looking at the keys. */
  readonly redis: Redis;
  /** Keys that no other test has. */
  readonly keys: RedisKeys;
}

/** One Redis for the tests of a file, with keys of their own for each. The fields are there once a test runs. */
export function useRedis(options?: PrivateRedisOptions): TestRedis {
  const current = {} as { -readonly [K in keyof TestRedis]: TestRedis[K] };
  beforeAll(async () => {
    current.server = await startPrivateRedis(options);
    current.connections = new RedisConnections(current.server.url);
    current.redis = current.connections.patient();
  });
  beforeEach(() => {
    // The braces are a hash tag: all keys of a test lie in one slot of a cluster.
    current.keys = redisKeys(`{test-${randomUUID()}}`);
  });
  afterAll(async () => {
    current.connections.close();
    await current.server.stop();
  });
  return current;
}
