import type { Redis } from 'ioredis';
import { CairnError } from '../errors.js';
import { FAIL_FAST_MS } from './connections.js';

/**
 * Runs commands on a fail-fast connection whose Redis may be away, frozen or failing.
 *
 * @throws CairnError `queue-unavailable` when there is no answer within `withinMs`, or what the commands throw of theirs.
 */
export async function reachRedis<T>(redis: Redis, commands: () => Promise<T>, withinMs = FAIL_FAST_MS): Promise<T> {
  if (redis.status !== 'ready') await settle(redis);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), withinMs);
  });
  try {
    return await Promise.race([commands(), timeout]);
  } catch (error) {
    if (error instanceof CairnError) throw error;
    throw redisUnavailable(error);
  } finally {
    clearTimeout(timer);
  }
}

export function redisUnavailable(cause?: unknown): CairnError {
  return new CairnError('queue-unavailable', 'The job queue (Redis) cannot be reached; try again shortly.', { cause });
}

/** A connection that is only just being made gets a moment; one that has failed gets none. */
async function settle(redis: Redis): Promise<void> {
  if (redis.status !== 'connecting' && redis.status !== 'connect') throw redisUnavailable();
  await new Promise<void>((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      redis.off('ready', done).off('close', done);
      if (redis.status === 'ready') resolve();
      else reject(redisUnavailable());
    };
    const timer = setTimeout(done, FAIL_FAST_MS / 3);
    redis.once('ready', done).once('close', done);
  });
}
