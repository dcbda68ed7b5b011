import type { Redis } from 'ioredis';
import { asCairnError, CairnError } from '../errors.js';
import { FAIL_FAST_MS } from './connections.js';
import { lastFailure, redisState } from './redis-error.js';

/**
 * Runs commands on a fail-fast connection whose Redis may be away, frozen or failing.
 *
 * @throws CairnError `queue-unavailable`, which names the state of Redis, when there is no answer within `withinMs`; CairnErrors of `commands` pass through.
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
  const state = redisState(cause) ?? 'cannot be reached';
  return new CairnError('queue-unavailable', `The job queue (Redis) ${state}; try again shortly.`, { cause });
}

/** ioredis keeps the answers to its own question whether Redis is ready to itself. */
const NOT_READY = new Error('NOTREADY');

/** Waits a moment for a connection that is being made, but not for one that has failed. */
async function untilConnected(redis: Redis): Promise<void> {
  if (redis.status !== 'connecting' && redis.status !== 'connect') throw redisUnavailable(lastFailure(redis));
  await new Promise<void>((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      redis.off('ready', done).off('close', done);
      if (redis.status === 'ready') resolve();
      else reject(redisUnavailable(lastFailure(redis) ?? (redis.status === 'connect' ? NOT_READY : undefined)));
    };
    const timer = setTimeout(done, FAIL_FAST_MS / 3);
    redis.once('ready', done).once('close', done);
  });
}
