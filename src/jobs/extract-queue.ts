import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { RedisKeys } from '../redis/keys.js';
import { batchOf, EXTRACT_QUEUE, type JobPayload, type JobResult } from './payload.js';
import type { JobStatus } from './status.js';

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

/** Longer than a job is kept, so that a cancelled job stays cancelled for as long as it can be seen. */
const MARK_TTL_SECONDS = 8 * 24 * 3600;
const MARK = '1';

/**
 * BullMQ can cancel a job only in the process that runs it. So a cancellation is a mark in Redis, for the worker that takes
 * the job later, and a message to all processes, for the one that runs it now and those whose clients follow it. The id of a
 * batch stands for all its jobs. The mark of a single job keeps what is known of the job, which then may leave the queue.
 */
export async function requestCancellation(redis: Redis, keys: RedisKeys, id: string, job?: JobStatus): Promise<void> {
  const finishedAt = new Date().toISOString();
  const mark = job ? JSON.stringify({ ...job, state: 'cancelled', finishedAt } satisfies JobStatus) : MARK;
  await redis.set(keys.cancelled(id), mark, 'EX', MARK_TTL_SECONDS);
  await redis.publish(keys.cancelChannel, id);
}

/** A cancelled job that has left the queue; undefined where its mark does not keep it. */
export async function readCancelled(redis: Redis, keys: RedisKeys, id: string): Promise<JobStatus | undefined> {
  const mark = await redis.get(keys.cancelled(id));
  return mark === null || mark === MARK ? undefined : (JSON.parse(mark) as JobStatus);
}

/** Whether the job, or the batch it belongs to, is cancelled. */
export async function isCancelled(redis: Redis, keys: RedisKeys, jobId: string): Promise<boolean> {
  const batch = batchOf(jobId);
  const ids = batch === undefined ? [jobId] : [jobId, batch];
  return (await redis.exists(...ids.map(keys.cancelled))) > 0;
}

/** Calls `cancel` with the id of every job or batch that is cancelled from now on. Occupies the connection. */
export async function onCancellation(redis: Redis, keys: RedisKeys, cancel: (id: string) => void): Promise<void> {
  redis.on('message', (_, id) => cancel(id));
  await redis.subscribe(keys.cancelChannel);
}
