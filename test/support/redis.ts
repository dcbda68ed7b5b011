import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { RedisConnections } from '../../src/redis/connections.js';
import { redisKeys, type RedisKeys } from '../../src/redis/keys.js';

export interface TestRedis {
  readonly url: string;
  readonly connections: RedisConnections;
  /** A patient connection, for the parts under test. */
  readonly redis: Redis;
  /** Keys that no other test case has. */
  readonly keys: RedisKeys;
}

/** One Redis for the tests of a file, with keys of its own for each test. Its fields are there once a test runs. */
export function useRedis(): TestRedis {
  const current = {} as { -readonly [K in keyof TestRedis]: TestRedis[K] };
  let server: PrivateRedis;
  beforeAll(async () => {
    server = await startPrivateRedis();
    current.url = server.url;
    current.connections = new RedisConnections(server.url);
    current.redis = current.connections.patient();
  });
  beforeEach(() => {
    current.keys = redisKeys(`test-${randomUUID()}`);
  });
  afterAll(async () => {
    current.connections.close();
    await server.stop();
  });
  return current;
}
