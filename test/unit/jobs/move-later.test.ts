import { afterEach, expect, jest, test } from '@jest/globals';
import { DelayedError, Worker } from 'bullmq';
import { extractQueue } from '../../../src/jobs/extract-queue.js';
import { moveLater } from '../../../src/jobs/move-later.js';
import { EXTRACT_JOB, EXTRACT_QUEUE } from '../../../src/jobs/payload.js';
import { until } from '../../integration/support/service.js';
import { payloadOf } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';

const current = useRedis();
afterEach(() => {
  jest.restoreAllMocks();
});

test('a worker whose clock is an hour ahead leaves a job for as long as it says, and counts no attempt', async () => {
  const { redis, keys } = current;
  const { prefix } = keys;
  const queue = extractQueue(redis, prefix);
  let starts = 0;
  const worker = new Worker(
    EXTRACT_QUEUE,
    async (job, token) => {
      if (++starts > 1) return;
      const now = Date.now();
      const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 3600_000);
      await moveLater(redis, job, token!, 200);
      clock.mockRestore();
      throw new DelayedError();
    },
    { connection: redis, prefix },
  );
  await queue.add(EXTRACT_JOB, payloadOf(), { jobId: 'one' });
  await until(async () => (await queue.getJobState('one')) === 'completed');
  expect([starts, (await queue.getJob('one'))!.attemptsMade]).toEqual([2, 1]);
  await worker.close();
  await queue.close();
});
