import { expect, test } from '@jest/globals';
import type { Outcome } from '../../../src/jobs/payload.js';
import { OwnedJobs } from '../../../src/jobs/owned-jobs.js';
import { useRedis } from '../../support/redis.js';

const current = useRedis();

function makeJobs(states: Record<string, string> = {}) {
  const lookups: string[] = [];
  const getJobState = (id: string) => {
    lookups.push(id);
    return Promise.resolve(states[id] ?? 'unknown');
  };
  const jobs = new OwnedJobs(current.redis, current.keys.usage, { getJobState } as ConstructorParameters<
    typeof OwnedJobs
  >[2]);
  return { jobs, lookups };
}

const outcome = (jobId: string, owner?: string, batch?: object) =>
  ({ jobId, payload: { owner, batch }, state: 'cancelled' }) as unknown as Outcome;

test('an owner has so many jobs, until some of them end', async () => {
  const { jobs } = makeJobs();
  const claims = await Promise.all(Array.from({ length: 10 }, (_, i) => jobs.claim('alice', `a${i}`, 3)));
  expect(claims.filter(Boolean)).toHaveLength(3);
  expect(await jobs.claim('bob', 'b', 1)).toBe(true);
  await jobs.record(outcome('a0', 'alice'));
  expect(await jobs.claim('alice', 'next', 3)).toBe(true);
  expect(await jobs.claim('alice', 'over', 3)).toBe(false);
  await jobs.release('alice', 'next');
  expect(await jobs.claim('alice', 'again', 3)).toBe(true);
});

test('jobs of nobody, and lines of batches, are not counted', async () => {
  const { jobs } = makeJobs();
  await jobs.record(outcome('x'));
  await jobs.record(outcome('y.1', 'alice', { id: 'y', line: 1 }));
  expect(await current.redis.keys(`${current.keys.prefix}:usage:*`)).toEqual([]);
});

test('jobs whose end nobody recorded are forgotten, those in the queue are not', async () => {
  const { jobs, lookups } = makeJobs({ waiting: 'prioritized', active: 'active', done: 'completed' });
  const key = current.keys.usage.jobs('alice');
  const old = Date.now() - 60_000;
  for (const id of ['waiting', 'active', 'done', 'gone']) await current.redis.zadd(key, old, id);
  await current.redis.zadd(key, Date.now(), 'fresh');
  expect(await jobs.claim('alice', 'new', 4)).toBe(true);
  expect((await current.redis.zrangebyscore(key, '-inf', '+inf')).sort()).toEqual([
    'active',
    'fresh',
    'new',
    'waiting',
  ]);
  const { length } = lookups;
  // It does not look at all of them each time.
  expect(await jobs.claim('alice', 'another', 4)).toBe(false);
  expect(lookups).toHaveLength(length);
});
