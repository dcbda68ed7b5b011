import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';

/** The part of BullMQ that `Job.moveToDelayed` is a front of. */
interface Backend {
  moveToDelayed(
    id: string,
    now: number,
    delayMs: number,
    token: string,
    options: { skipAttempt: boolean },
  ): Promise<void>;
}

/**
 * Puts a job that a worker has taken back into its queue, to be taken again after `delayMs`, without counting an attempt. The
 * worker throws a `DelayedError` then.
 *
 * Times in the queue are compared by all workers, so this goes by the clock of Redis, which they share. BullMQ's own
 * `moveToDelayed` goes by that of this process: one that is an hour ahead would hide the job for an hour.
 */
export async function moveLater(redis: Pick<Redis, 'time'>, job: Job, token: string, delayMs: number): Promise<void> {
  const { backend } = job as unknown as { readonly backend: Backend };
  const [seconds, microseconds] = await redis.time();
  const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  await backend.moveToDelayed(job.id!, now, Math.round(delayMs), token, { skipAttempt: true });
}
