import { QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { EventEmitter, on } from 'node:events';
import { EXTRACT_QUEUE } from './payload.js';
import { closeWithin, patientConnection } from '../redis/connections.js';

const CLOSE_MS = 1000;

export type JobEvent = 'state' | 'progress';

/** Tells of every change of every job, from one connection however many listen. */
export class JobEvents {
  private readonly redis: Redis;
  private readonly events: QueueEvents;
  private readonly changes = new EventEmitter().setMaxListeners(0);
  private readonly closed = new AbortController();

  constructor(redisUrl: string, prefix: string) {
    this.redis = patientConnection(redisUrl, this.closed.signal);
    this.events = new QueueEvents(EXTRACT_QUEUE, { connection: this.redis, prefix });
    this.events.on('error', () => undefined);
    const changed = (kind: JobEvent) => (args: { jobId: string }) => this.changes.emit(args.jobId, kind);
    for (const name of ['active', 'completed', 'failed', 'delayed', 'waiting'] as const) {
      this.events.on(name, changed('state'));
    }
    this.events.on('progress', changed('progress'));
  }

  /**
   * What happens to one job from the moment of the call, until `signal` is aborted or this is closed. Only the kind of
   * change is told: the job itself is to be read anew, since several changes may have come together.
   */
  async *follow(jobId: string, signal: AbortSignal): AsyncGenerator<JobEvent> {
    try {
      const stop = AbortSignal.any([signal, this.closed.signal]);
      for await (const [kind] of on(this.changes, jobId, { signal: stop })) yield kind as JobEvent;
    } catch (error) {
      if (!signal.aborted && !this.closed.signal.aborted) throw error;
    }
  }

  /** Announces a change that the queue itself has no event for. */
  announce(jobId: string): void {
    this.changes.emit(jobId, 'state' satisfies JobEvent);
  }

  /** Ends all that follow. May be called twice. */
  async close(): Promise<void> {
    this.closed.abort();
    await closeWithin(CLOSE_MS, this.events.close());
    this.redis.disconnect();
  }
}
