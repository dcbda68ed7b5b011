import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { EXTRACT_QUEUE, type JobPayload, type JobResult } from './payload.js';

export type ExtractQueue = Queue<JobPayload, JobResult>;

const KEPT = { age: 7 * 24 * 3600, count: 100_000 } as const;

/** The queue of extraction jobs, for producers. Its jobs are retried with backoff and kept for seven days when finished. */
export function extractQueue(connection: Redis, prefix: string): ExtractQueue {
  const queue: ExtractQueue = new Queue(EXTRACT_QUEUE, {
    connection,
    prefix,
    // If Redis went away during the check, the queue would stay broken for good; the workers check instead.
    skipVersionCheck: true,
    defaultJobOptions: {
      attempts: 5,
      backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
      removeOnComplete: KEPT,
      removeOnFail: KEPT,
    },
  });
  // Callers see failures through their commands.
  queue.on('error', () => undefined);
  return queue;
}

/** Jobs that no worker has taken yet, retries included. */
export function countWaiting(queue: ExtractQueue): Promise<number> {
  return queue.getJobCountByTypes('waiting', 'prioritized', 'delayed');
}
