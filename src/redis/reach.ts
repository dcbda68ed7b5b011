import type { Redis } from 'ioredis';
import { asCairnError, CairnError } from '../errors.js';
import { FAIL_FAST_MS } from './connections.js';

/**
 * Runs commands on a fail-fast connection whose Redis may be away, frozen or failing.
 *
 * @throws CairnError `queue-unavailable` when there is no answer within `withinMs`; CairnErrors of `commands` pass through.
 */
export async function reachRedis<T>(redis: Redis, commands: () => Promise<T>, withinMs = FAIL_FAST_MS): Promise<T> {
  if (redis.status !== 'ready') await untilConnected(redis);
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

/** As `read` does, or undefined where Redis cannot be reached. */
export async function unlessAway<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (asCairnError(error).code === 'queue-unavailable') return undefined;
    throw error;
  }
}

export function redisUnavailable(cause?: unknown): CairnError {
  return new CairnError('queue-unavailable', 'The job queue (Redis) cannot be reached; try again shortly.', { cause });
}

/** Waits a moment for a connection that is being made, but not for one that has failed. */
async function untilConnected(redis: Redis): Promise<void> {
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
