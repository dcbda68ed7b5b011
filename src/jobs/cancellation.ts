import type { Redis } from 'ioredis';
import { batchOf } from '../batches/manifest/schema.js';

/** Longer than a job is kept, so that a cancelled job stays cancelled for as long as it can be seen. */
const MARK_TTL_SECONDS = 8 * 24 * 3600;

const markKey = (prefix: string, id: string) => `${prefix}:cancelled:${id}`;
const channel = (prefix: string) => `${prefix}:cancel`;

/**
 * BullMQ can cancel a job only in the process that runs it. So the wish to cancel is a mark in
 * Redis, which whoever takes the job later will find, and a message to all workers, for the one
 * that runs it now. The id of a batch stands for all its jobs.
 */
export async function requestCancellation(redis: Redis, prefix: string, id: string): Promise<void> {
  await redis.set(markKey(prefix, id), '1', 'EX', MARK_TTL_SECONDS);
  await redis.publish(channel(prefix), id);
}

/** Whether the job, or the batch it belongs to, is cancelled. */
export async function isCancelled(redis: Redis, prefix: string, jobId: string): Promise<boolean> {
  const batch = batchOf(jobId);
  const ids = batch === undefined ? [jobId] : [jobId, batch];
  return (await redis.exists(...ids.map((id) => markKey(prefix, id)))) > 0;
}

/** Calls `cancel` with the id of every job or batch that is cancelled from now on. The connection is used up by this. */
export async function onCancellation(redis: Redis, prefix: string, cancel: (id: string) => void): Promise<void> {
  redis.on('message', (_, id) => cancel(id));
  await redis.subscribe(channel(prefix));
}
