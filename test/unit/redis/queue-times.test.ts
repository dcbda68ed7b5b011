import { expect, test } from '@jest/globals';
import { QueueTimes } from '../../../src/redis/queue-times.js';
import { useRedis } from '../../support/redis.js';

const LOCK_MS = 1000;
const HOUR_MS = 3600_000;
const current = useRedis();
const key = (name: string) => `${current.keys.prefix}:extract:${name}`;
const times = () => new QueueTimes(current.redis, key, LOCK_MS);
const score = (ms: number) => ms * 4096;

test('what a clock an hour ahead has written ends soon', async () => {
  const { redis } = current;
  await redis.set(key('stalled-check'), '1', 'PX', HOUR_MS);
  await redis.rpush(key('active'), 'lost', 'running');
  await redis.set(key('lost:lock'), 'token', 'PX', HOUR_MS);
  await redis.set(key('running:lock'), 'token', 'PX', LOCK_MS);
  const now = Date.now();
  await redis.zadd(key('delayed'), score(now + HOUR_MS), 'hidden', score(now + 16_000), 'retried');

  expect(await times().check()).toBe(3);
  for (const name of ['stalled-check', 'lost:lock', 'running:lock']) {
    expect(await redis.pttl(key(name))).toBeLessThanOrEqual(10 * LOCK_MS);
  }
  expect(Number(await redis.zscore(key('delayed'), 'hidden'))).toBeLessThanOrEqual(score(Date.now() + 1));
  expect(Number(await redis.zscore(key('delayed'), 'retried'))).toBe(score(now + 16_000));
  expect(await times().check()).toBe(0);
});

test('an empty queue has nothing to set right', async () => {
  expect(await times().check()).toBe(0);
});

test('it is looked at again and again until it is stopped', async () => {
  const found: number[] = [];
  const stop = times().watch((count) => found.push(count));
  try {
    await current.redis.set(key('stalled-check'), '1', 'PX', HOUR_MS);
    while (found.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  } finally {
    stop();
  }
  expect(found).toEqual([1]);
});
