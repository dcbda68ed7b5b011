import { DelayedError, type Worker } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import { asCairnError, type ErrorCode } from '../errors.js';
import type { StoreHealth } from '../features/store/store-health.js';
import type { Log } from '../log.js';
import { isRedisError, redisState } from '../redis/redis-error.js';

/** Failures of this worker's place, not of the job: another worker, or this one later, does the job. */
export const OF_THE_PLACE: ReadonlySet<ErrorCode> = new Set([
  'calibration-changed',
  'device-unavailable',
  'engine-restarted',
  'store-full',
  'store-unavailable',
  'version-mismatch',
  'weights-changed',
]);
/** Those that may last for ever: other weights, or another version, everywhere. They fail the job when it was handed on so often. */
export const MAX_HANDED_ON = 30;
export const LASTING: ReadonlySet<ErrorCode> = new Set(['calibration-changed', 'version-mismatch', 'weights-changed']);

/** How often the store is looked at, and Redis asked again. */
const LOOK_EVERY_MS = 1000;

/**
 * Lets a worker take jobs while the store can be used: without one it would take and hand on job after job. Resolves when
 * `stop` is aborted.
 */
export async function takeWhileUsable(
  worker: Pick<Worker, 'run' | 'pause' | 'resume'>,
  health: Pick<StoreHealth, 'problem'>,
  log: Log,
  stop: AbortSignal,
): Promise<void> {
  let [begun, taking] = [false, false];
  for (;;) {
    const problem = await health.problem();
    if (stop.aborted) return;
    if (problem && taking) {
      log.warn('no jobs are taken until the store can be used again');
      await worker.pause(true);
    } else if (!problem && !taking) {
      if (begun) await worker.resume();
      // It ends when the worker is closed.
      else worker.run().catch((error: unknown) => log.warn(`the worker stopped: ${asCairnError(error).message}`));
      begun = true;
    }
    taking = !problem;
    await delay(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}

/**
 * Asks Redis until it does what it is asked: its errors are those of its state, not of the job that needs it.
 *
 * @throws DelayedError when `stop` is aborted meanwhile: another worker takes the job when its lock has expired.
 */
export async function untilRedisDoes<T>(
  ask: () => Promise<T>,
  tell: (line: string) => void,
  stop: AbortSignal,
): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isRedisError(error)) throw error;
      tell(`jobs wait for Redis, which ${redisState(error) ?? 'cannot be reached'}: ${(error as Error).message}`);
      if (stop.aborted) throw new DelayedError();
      await delay(LOOK_EVERY_MS);
    }
  }
}
