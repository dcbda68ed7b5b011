import { setTimeout as delay } from 'node:timers/promises';
import { CairnError } from '../errors.js';
import type { JobEvents } from './events.js';
import type { JobQueue } from './queue.js';
import { isFinal, type JobStatus } from './status.js';

/** Polling interval beside the events: Redis loses events in a restart, or when too many others follow. */
const LOOK_EVERY_MS = 2000;

/** Waits for jobs to end. */
export class JobWaiter {
  constructor(
    private readonly queue: JobQueue,
    private readonly events: JobEvents,
  ) {}

  /**
   * Resolves with the job once it has completed, failed or been cancelled.
   *
   * @throws CairnError `cancelled` when `signal` is aborted, which cancels the job too, as its result is not
   *   needed any more. Otherwise as `JobQueue.status`.
   */
  async end(jobId: string, signal: AbortSignal): Promise<JobStatus> {
    const stop = new AbortController();
    const following = AbortSignal.any([signal, stop.signal]);
    // Subscribe before the first read, so that no change falls between the two.
    const changes = this.events.follow(jobId, following);
    let change = changes.next();
    try {
      do {
        const job = await this.queue.status(jobId);
        if (isFinal(job.state)) return job;
        const look = delay(LOOK_EVERY_MS, undefined, { signal: following }).catch(() => undefined);
        const first = await Promise.race([change, look]);
        if (first?.done && !signal.aborted) {
          throw new CairnError('queue-unavailable', 'The server is stopping; ask again.');
        }
        if (first) change = changes.next();
      } while (!signal.aborted);
    } finally {
      stop.abort();
    }
    // The job may have ended meanwhile, or Redis may be away.
    await this.queue.cancel(jobId).catch(() => undefined);
    this.events.announce(jobId);
    throw new CairnError('cancelled', 'The client has gone away.');
  }
}
