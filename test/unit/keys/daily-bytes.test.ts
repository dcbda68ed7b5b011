import { expect, test } from '@jest/globals';
import { DailyBytes } from '../../../src/keys/daily-bytes.js';
import { useRedis } from '../../support/redis.js';

const current = useRedis();
const NOON = Date.UTC(2030, 0, 31, 12);
const DAY = 24 * 3600;
const at = (time: number) => new DailyBytes(current.redis, current.keys.usage, () => time);

test('bytes count up to the limit of the day; what is refused counts for nothing', async () => {
  const bytes = at(NOON);
  expect(await bytes.reserve('alice', 600, 1000)).toEqual({ within: true, left: 400, resetSeconds: DAY / 2 });
  expect(await bytes.reserve('alice', 401, 1000)).toEqual({ within: false, left: 400, resetSeconds: DAY / 2 });
  expect(await bytes.reserve('alice', 400, 1000)).toMatchObject({ within: true, left: 0 });
  expect(await bytes.reserve('alice', 1, 1000)).toMatchObject({ within: false });
  // Every owner and every day has its own.
  expect(await bytes.reserve('bob', 1000, 1000)).toMatchObject({ within: true });
  expect(await at(NOON + DAY * 500).reserve('alice', 1000, 1000)).toEqual({ within: true, left: 0, resetSeconds: DAY });
});

test('what has come already counts beyond the limit too', async () => {
  const bytes = at(NOON);
  expect(await bytes.add('alice', 1500, 1000)).toMatchObject({ within: false, left: 0 });
  expect(await bytes.reserve('alice', 1, 2000)).toMatchObject({ within: true, left: 499 });
});

test('requests at the same time do not exceed the limit together', async () => {
  const bytes = at(NOON);
  const uses = await Promise.all(Array.from({ length: 50 }, () => bytes.reserve('alice', 100, 1000)));
  expect(uses.filter(({ within }) => within)).toHaveLength(10);
});

test('the counts end by themselves, under the prefix of all keys', async () => {
  await at(NOON).reserve('alice', 1, 1000);
  const keys = await current.redis.keys(`${current.keys.prefix}:usage:*`);
  expect(keys).toEqual([`${current.keys.prefix}:usage:bytes:alice:2030-01-31`]);
  expect(await current.redis.ttl(keys[0]!)).toBeGreaterThan(DAY);
});
