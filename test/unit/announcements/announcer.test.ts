import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Announcer } from '../../../src/announcements/announcer.js';
import { extractQueue, type ExtractQueue } from '../../../src/jobs/extract-queue.js';
import { batchJobId, EXTRACT_JOB } from '../../../src/jobs/payload.js';
import { completed, payloadOf } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';

const current = useRedis();
const id = 'b'.repeat(32);
let queue: ExtractQueue;
let announcer: Announcer;

beforeEach(() => {
  const { redis, keys } = current;
  queue = extractQueue(redis, keys.prefix);
  announcer = new Announcer({ redis, keys, queue, length: 100 });
});
afterEach(() => queue.close());

const announced = () => current.redis.xlen(current.keys.announcements.stream);

test('a single job that ran twice is announced once', async () => {
  await queue.add(EXTRACT_JOB, payloadOf(), { jobId: 'one' });
  for (let times = 0; times < 2; times++) await announcer.record(completed('one'));
  expect(await announced()).toBe(1);
});

test('so is a line of a batch, whose job has left the queue when its second run ends', async () => {
  for (const line of [1, 2]) {
    const payload = payloadOf({ batch: { id, line, name: 'n' } });
    await queue.add(EXTRACT_JOB, payload, { jobId: batchJobId(id, line) });
    await announcer.record(completed(batchJobId(id, line), payload));
    await queue.remove(batchJobId(id, line));
    await announcer.record(completed(batchJobId(id, line), payload));
  }
  expect(await announced()).toBe(2);
  expect(await current.redis.ttl(current.keys.batch(id).announced)).toBeGreaterThan(7 * 24 * 3600);
});
