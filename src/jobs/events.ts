import { QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import { EventEmitter, on } from 'node:events';
import { EXTRACT_QUEUE } from './payload.js';
import { closeWithin } from '../redis/connections.js';

const CLOSE_MS = 1000;

export type JobEvent = 'state' | 'progress';

/** The changes of all jobs, over one connection for any number of listeners. */
export class JobEvents {
  private readonly events: QueueEvents;
  private readonly changes = new EventEmitter().setMaxListeners(0);
  private readonly closed = new AbortController();

  /** `connection` is a patient one; BullMQ duplicates it. */
  constructor(connection: Redis, prefix: string) {
    this.events = new QueueEvents(EXTRACT_QUEUE, { connection, prefix });
    this.events.on('error', () => undefined);
    const changed = (kind: JobEvent) => (args: { jobId: string }) => this.changes.emit(args.jobId, kind);
    for (const name of ['active', 'completed', 'failed', 'delayed', 'waiting'] as const) {
      this.events.on(name, changed('state'));
    }
    this.events.on('progress', changed('progress'));
  }

  /**
   * The changes of one job from the moment of the call, until `signal` is aborted or this is closed. Yields only the kind of
   * change: the caller reads the job again, since several changes may have come together.
   */
  async *follow(jobId: string, signal: AbortSignal): AsyncGenerator<JobEvent> {
    try {
      const stop = AbortSignal.any([signal, this.closed.signal]);
      for await (const [kind] of on(this.changes, jobId, { signal: stop })) yield kind as JobEvent;
    } catch (error) {
      if (!signal.aborted && !this.closed.signal.aborted) throw error;
    }
  }

  /** Emits a change for which the queue itself has no event. */
  announce(jobId: string): void {
    this.changes.emit(jobId, 'state' satisfies JobEvent);
  }

  /** Ends all followers. May be called twice. */
  async close(): Promise<void> {
    this.closed.abort();
    await closeWithin(CLOSE_MS, this.events.close());
  }
}
