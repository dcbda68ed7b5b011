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
    const gone = () => signal.aborted;
    const stop = new AbortController();
    const following = AbortSignal.any([signal, stop.signal]);
    // Subscribe before the first read, so that no change falls between the two.
    const changes = this.events.follow(jobId, following);
    let change = changes.next();
    try {
      for (;;) {
        const job = await this.queue.status(jobId);
        if (isFinal(job.state)) return job;
        if (gone()) break;
        const look = delay(LOOK_EVERY_MS, 'look' as const, { signal: following }).catch(() => 'look' as const);
        const first = await Promise.race([change, look]);
        if (gone()) break;
        if (first === 'look') continue;
        if (first.done) throw new CairnError('queue-unavailable', 'The server is stopping; ask again.');
        change = changes.next();
      }
    } finally {
      stop.abort();
    }
    await this.abandon(jobId);
    throw new CairnError('cancelled', 'The client has gone away.');
  }

  /** Ignores errors: the job may have ended meanwhile, or Redis may be away. */
  private async abandon(jobId: string): Promise<void> {
    await this.queue.cancel(jobId).catch(() => undefined);
    this.events.announce(jobId);
  }
}
