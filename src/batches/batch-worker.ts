import { DelayedError, Queue, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { asCairnError } from '../errors.js';
import type { Store } from '../features/store/store.js';
import { BatchLedger } from './ledger.js';
import { BATCH_QUEUE } from './manifest/schema.js';
import { newBatchSchema, type NewBatch } from './batch.js';
import { EXTRACT_QUEUE } from '../jobs/payload.js';
import { closeWithin, patientConnection } from '../redis/connections.js';
import { BatchFeeder } from './feeder.js';
import { BatchRecorder } from './recorder.js';
import type { WorkerLog } from '../worker/job-worker.js';
import type { OutcomeRecorder } from '../jobs/outcome.js';

export interface BatchWorkerOptions {
  readonly redisUrl: string;
  readonly prefix: string;
  readonly lockDurationMs: number;
  /** Most jobs that may wait in the queue of jobs; batches take up half of it. */
  readonly queueLimit: number;
  /** Most lines of one batch that wait or run at a time. */
  readonly window?: number;
}

/** What keeps a dozen GPUs busy between two looks, and little enough to let other batches pass. */
const WINDOW = 500;
/** Batches fed at a time: it is reading and waiting. */
const CONCURRENCY = 16;
/** After this long a batch goes behind those that wait to be fed. */
const TURN_MS = 5000;
const CLOSE_MS = 2000;

/** Feeds batches to the workers, and keeps the books of what becomes of their lines. */
export class BatchWorker {
  private readonly redis: Redis;
  private readonly queue: Queue;
  private readonly worker: Worker<NewBatch, void>;
  private readonly stopping = new AbortController();
  private readonly closed = new AbortController();
  private stopped: Promise<void> | undefined;
  /** To be told of every job's outcome. */
  readonly recorder: OutcomeRecorder;

  constructor(
    store: Store,
    { redisUrl, prefix, lockDurationMs, queueLimit, window = WINDOW }: BatchWorkerOptions,
    private readonly log: WorkerLog,
  ) {
    this.redis = patientConnection(redisUrl, this.closed.signal);
    const connection = { connection: this.redis, prefix };
    this.queue = new Queue(EXTRACT_QUEUE, { ...connection, streams: { events: { maxLen: 10_000 } } });
    const ledger = new BatchLedger(this.redis, prefix);
    this.recorder = new BatchRecorder(ledger);
    const parts = { ledger, store, queue: this.queue, window, queueLimit: Math.ceil(queueLimit / 2) };
    const feeder = new BatchFeeder(parts);
    this.worker = new Worker(BATCH_QUEUE, (job, token) => this.turn(feeder, job, token), {
      ...connection,
      concurrency: CONCURRENCY,
      lockDuration: lockDurationMs,
      stalledInterval: lockDurationMs,
      // Whatever killed the worker, it was not the feeding.
      maxStalledCount: 1_000_000,
      autorun: false,
    });
    // An outage is told of by the worker of jobs.
    this.queue.on('error', () => undefined);
    this.worker.on('error', () => undefined);
    this.worker.on('failed', (job, error) => log.warn(`batch ${job?.id} is fed again in a while: ${error.message}`));
  }

  /** Begins to feed; resolves at once. */
  start(): void {
    this.worker.run().catch((error: unknown) => this.log.warn(`feeding stopped: ${asCairnError(error).message}`));
  }

  /** Feeds no more; others go on. Outcomes are still recorded. May be called twice. */
  stop(): Promise<void> {
    this.stopping.abort();
    this.stopped ??= closeWithin(CLOSE_MS, this.worker.close());
    return this.stopped;
  }

  /** May be called twice. */
  async close(): Promise<void> {
    await this.stop();
    this.closed.abort();
    await closeWithin(CLOSE_MS, this.queue.close());
    this.redis.disconnect();
  }

  private async turn(feeder: BatchFeeder, job: Job<NewBatch, void>, token?: string): Promise<void> {
    const finished = await feeder.feed(newBatchSchema.parse(job.data), this.stopping.signal, TURN_MS);
    if (finished) return;
    await job.moveToDelayed(Date.now(), token);
    throw new DelayedError();
  }
}
