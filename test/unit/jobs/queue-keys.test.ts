import { expect, test } from '@jest/globals';
import { extractQueue } from '../../../src/jobs/extract-queue.js';
import { JobQueue } from '../../../src/jobs/queue.js';
import { payloadOf } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';

const current = useRedis();

test('a word that is no id of a job leads to no other key in Redis', async () => {
  const { redis, keys } = current;
  const queue = extractQueue(redis, keys.prefix);
  const jobs = new JobQueue({ redis, queue, keys, limit: 10 });
  const { id } = await jobs.submit(payloadOf(), 'normal');
  try {
    for (const word of ['meta', 'events', 'id', 'prioritized', 'pc', 'stalled-check', 'completed', `${id}:lock`]) {
      await expect(jobs.status(word)).rejects.toMatchObject({ code: 'job-not-found' });
      await expect(jobs.cancel(word)).rejects.toMatchObject({ code: 'job-not-found' });
    }
    expect(await jobs.status(id)).toMatchObject({ id, state: 'queued' });
  } finally {
    await queue.close();
  }
});
