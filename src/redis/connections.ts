import { Redis, type RedisOptions } from 'ioredis';

/** A request must not wait longer than this for Redis before it is told that there is none. */
export const FAIL_FAST_MS = 1500;
const MAX_RECONNECT_DELAY_MS = 1000;

const delay = (times: number) => Math.min(times * 50, MAX_RECONNECT_DELAY_MS);

/** For requests: commands fail at once while Redis is away; the connection comes back by itself. */
export function failFastConnection(url: string): Redis {
  return quiet(
    new Redis(url, {
      retryStrategy: delay,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: FAIL_FAST_MS,
      commandTimeout: FAIL_FAST_MS,
    }),
  );
}

/**
 * For workers and listeners: commands wait until Redis is back, or until `closed` is aborted. BullMQ
 * duplicates such connections; the copies stop looking for Redis with the original.
 */
export function patientConnection(
  url: string,
  closed: AbortSignal,
  options: Pick<RedisOptions, 'socketTimeout'> = {},
): Redis {
  const retryStrategy = (times: number) => (closed.aborted ? null : delay(times));
  return quiet(new Redis(url, { ...options, retryStrategy, maxRetriesPerRequest: null }));
}

/** Waits for a connection to be closed, but not for one that is still looking for its Redis. */
export async function closeWithin(ms: number, closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([closing.catch(() => undefined), overdue]);
  clearTimeout(timer);
}

/** Each attempt to reconnect emits an error; without a listener the first would end the process. Who uses the connection hears of failures from its commands. */
function quiet(redis: Redis): Redis {
  redis.on('error', () => undefined);
  return redis;
}
