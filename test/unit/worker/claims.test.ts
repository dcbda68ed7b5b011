import { beforeEach, expect, test } from '@jest/globals';
import { Claims } from '../../../src/worker/claims.js';
import { SHA256 } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';

const current = useRedis();
let promoted: string[];

beforeEach(() => {
  promoted = [];
});

const makeClaims = () => new Claims(current.redis, current.keys, (jobId) => Promise.resolve(promoted.push(jobId)));

test('one job has a feature set; the others are told when it has ended, and the next may have it', async () => {
  const [here, there] = [makeClaims(), makeClaims()];
  const release = await here.claim(SHA256, 'one');
  expect(release).toBeDefined();
  expect([await here.claim(SHA256, 'two'), await there.claim(SHA256, 'three')]).toEqual([undefined, undefined]);
  expect(await there.claim('cd'.repeat(32), 'four')).toBeDefined();
  await release!();
  expect(promoted.toSorted()).toEqual(['three', 'two']);
  const again = await there.claim(SHA256, 'three');
  expect(again).toBeDefined();
  await again!();
  expect(promoted).toHaveLength(2);
});

test('a worker that has died loses its claim, and its end is none of the next one', async () => {
  const claims = makeClaims();
  const { claim } = current.keys.computing(SHA256);
  const lost = await claims.claim(SHA256, 'one');
  expect(await current.redis.pttl(claim)).toBeGreaterThan(0);
  // As if its lease had expired.
  await current.redis.del(claim);
  const next = await claims.claim(SHA256, 'two');
  expect(next).toBeDefined();
  await lost!();
  expect(await claims.claim(SHA256, 'three')).toBeUndefined();
  await next!();
});

test('where Redis accepts no writes the work is done all the same', async () => {
  const claims = makeClaims();
  await current.redis.config('SET', 'maxmemory', '1');
  const release = await claims.claim(SHA256, 'one');
  await current.redis.config('SET', 'maxmemory', '0');
  expect(release).toBeDefined();
  await release!();
});

test('a job that runs again, since its worker has died, has its claim at once', async () => {
  const [died, next] = [makeClaims(), makeClaims()];
  const lost = await died.claim(SHA256, 'one');
  const release = await next.claim(SHA256, 'one');
  expect(release).toBeDefined();
  expect(await next.claim(SHA256, 'on')).toBeUndefined();
  // The end of the first is not that of the second.
  await lost!();
  expect(await next.claim(SHA256, 'two')).toBeUndefined();
  await release!();
  expect(promoted.toSorted()).toEqual(['on', 'two']);
});
