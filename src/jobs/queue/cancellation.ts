import type { Redis } from 'ioredis';

/** Longer than a job is kept, so that a cancelled job stays cancelled for as long as it can be seen. */
const MARK_TTL_SECONDS = 8 * 24 * 3600;

const markKey = (prefix: string, jobId: string) => `${prefix}:cancelled:${jobId}`;
const channel = (prefix: string) => `${prefix}:cancel`;

/**
 * BullMQ can cancel a job only in the process that runs it. So the wish to cancel is a mark in
 * Redis, which whoever takes the job later will find, and a message to all workers, for the one
 * that runs it now.
 */
export async function requestCancellation(redis: Redis, prefix: string, jobId: string): Promise<void> {
  await redis.set(markKey(prefix, jobId), '1', 'EX', MARK_TTL_SECONDS);
  await redis.publish(channel(prefix), jobId);
}

export async function isCancelled(redis: Redis, prefix: string, jobId: string): Promise<boolean> {
  return (await redis.exists(markKey(prefix, jobId))) === 1;
}

/** Calls `cancel` with the id of every job that is cancelled from now on. The connection is used up by this. */
export async function onCancellation(redis: Redis, prefix: string, cancel: (jobId: string) => void): Promise<void> {
  redis.on('message', (_, jobId) => cancel(jobId));
  await redis.subscribe(channel(prefix));
}
