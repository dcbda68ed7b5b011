import type { Redis } from 'ioredis';
import { batchOf } from './batch-job-id.js';
import type { RedisKeys } from '../redis/keys.js';

/** Longer than a job is kept, so that a cancelled job stays cancelled for as long as it can be seen. */
const MARK_TTL_SECONDS = 8 * 24 * 3600;

/**
 * BullMQ can cancel a job only in the process that runs it. So a cancellation is a mark in Redis, for the worker that takes
 * the job later, and a message to all workers, for the one that runs it now. The id of a batch stands for all its jobs.
 */
export async function requestCancellation(redis: Redis, keys: RedisKeys, id: string): Promise<void> {
  await redis.set(keys.cancelled(id), '1', 'EX', MARK_TTL_SECONDS);
  await redis.publish(keys.cancelChannel, id);
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
