import { DelayedError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { asCairnError } from '../errors.js';
import type { StoreHealth } from '../features/store/store-health.js';
import type { Store } from '../features/store/store.js';
import type { ExtractQueue } from '../jobs/extract-queue.js';
import { moveLater } from '../jobs/move-later.js';
import type { Log } from '../log.js';
import { closeWithin } from '../redis/connections.js';
import { QueueTimes } from '../redis/queue-times.js';
import { newBatchSchema, type NewBatch } from './batch.js';
import { BatchFeeder } from './feeder.js';
import type { BatchLedger } from './ledger.js';
import { BATCH_QUEUE } from './manifest.js';

export interface BatchWorkerOptions {
  /** A patient connection; BullMQ duplicates it. */
  readonly redis: Redis;
  readonly prefix: string;
  readonly ledger: BatchLedger;
  readonly store: Store;
  readonly health: Pick<StoreHealth, 'demandStore'>;
  readonly queue: ExtractQueue;
  readonly lockDurationMs: number;
  /** Most jobs that may wait in the queue of jobs; batches take up half of it. */
  readonly queueLimit: number;
  /** Most lines of one batch that are in the queue at a time. */
  readonly window?: number;
}

/** Enough to keep a dozen GPUs busy between two polls, and few enough to let other batches through. */
const WINDOW = 500;
/** Batches fed at a time: feeding is reading and waiting. */
const CONCURRENCY = 16;
/** After this long a batch goes to the end of the queue of batches. */
const TURN_MS = 5000;
/** How long a batch is left to other workers when the store cannot be used here. */
const LEFT_MS = 2000;
const CLOSE_MS = 2000;
/** Feeding cannot kill a worker, so stalls do not count. */
const ANY_NUMBER_OF_STALLS = 1_000_000;

/** Feeds batches into the queue of jobs. */
export class BatchWorker {
  private readonly worker: Worker<NewBatch, void>;
  private readonly stopping = new AbortController();
  private readonly times: QueueTimes;
  private stopped: Promise<void> | undefined;
  private told: string | undefined;

  constructor(
    private readonly options: BatchWorkerOptions,
    private readonly log: Log,
  ) {
    const { redis, prefix, ledger, store, queue, lockDurationMs, queueLimit, window = WINDOW } = options;
    const feeder = new BatchFeeder({ ledger, store, queue, window, log, queueLimit: Math.ceil(queueLimit / 2) });
    this.worker = new Worker(BATCH_QUEUE, (job, token) => this.turn(feeder, job, token), {
      connection: redis,
      prefix,
      concurrency: CONCURRENCY,
      lockDuration: lockDurationMs,
      stalledInterval: lockDurationMs,
      maxStalledCount: ANY_NUMBER_OF_STALLS,
      autorun: false,
    });
    this.times = new QueueTimes(redis, (key) => this.worker.toKey(key), lockDurationMs);
    // The connections log outages.
    this.worker.on('error', () => undefined);
    this.worker.on('failed', (job, error) => log.warn(`batch ${job?.id} will be fed again: ${error.message}`));
  }

  /** Begins to feed; returns at once. */
  start(): void {
    const stopWatching = this.times.watch((count) =>
      this.log.warn(`${count} times of batches were those of a clock that was wrong`),
    );
    this.stopping.signal.addEventListener('abort', stopWatching, { once: true });
    this.worker.run().catch((error: unknown) => this.log.warn(`feeding stopped: ${asCairnError(error).message}`));
  }

  /** Stops feeding; other workers continue. May be called twice. */
  stop(): Promise<void> {
    this.stopping.abort();
    this.stopped ??= closeWithin(CLOSE_MS, this.worker.close());
    return this.stopped;
  }

  private async turn(feeder: BatchFeeder, job: Job<NewBatch, void>, token?: string): Promise<void> {
    const batch = newBatchSchema.parse(job.data);
    const { health } = this.options;
    const refused = await health.demandStore(batch.store).then(
      () => undefined,
      (error: unknown) => asCairnError(error).message,
    );
    // Another worker, or this one later: what a missing manifest says here says nothing about the batch.
    if (refused !== undefined && refused !== this.told) this.log.warn(`batches are left to other workers: ${refused}`);
    this.told = refused;
    if (refused === undefined && (await feeder.feed(batch, this.stopping.signal, TURN_MS))) return;
    await moveLater(this.options.redis, job, token!, refused === undefined ? 0 : LEFT_MS);
    throw new DelayedError();
  }
}
