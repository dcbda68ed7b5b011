import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { CairnError } from '../errors.js';
import { BATCH_JOB, BATCH_QUEUE } from './manifest.js';
import { BatchLedger, type BatchResult } from './ledger.js';
import { endedLines, type Batch, type NewBatch } from './batch.js';
import { requestCancellation, type ExtractQueue } from '../jobs/extract-queue.js';
import { batchOf } from '../jobs/payload.js';
import type { RedisKeys } from '../redis/keys.js';
import { reachRedis, redisUnavailable, unlessAway } from '../redis/reach.js';
import { closeWithin, FAIL_FAST_MS } from '../redis/connections.js';

export interface BatchQueueParts {
  /** A fail-fast connection. */
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** The queue that batches are fed into. */
  readonly jobs: ExtractQueue;
  /** Batches that have not ended, at most; without it there is no limit. */
  readonly maxOpen?: number;
}

/** A batch as its submitter sees it. Times are ISO 8601. */
export interface BatchStatus extends Batch {
  readonly active: number;
  readonly queued: number;
  /** Recent feature sets per second. */
  readonly rate: number;
  /** Null while unknown, and once the batch is finished. */
  readonly etaSeconds: number | null;
}

export interface FollowOptions {
  /** Wait for more until the batch is finished. */
  readonly follow: boolean;
  /** Most results per page. */
  readonly page: number;
  readonly signal: AbortSignal;
}

/** How often each follower looks for more: one small command. */
const LOOK_EVERY_MS = 250;
/** Long enough for a follower to outlast a restart of Redis. */
const AWAY_LIMIT_MS = 30_000;

/** Feeding is retried for as long as it takes: giving up would leave the batch running for ever. */
const NEVER_GIVE_UP = 1_000_000;
const FEED_OPTIONS = {
  attempts: NEVER_GIVE_UP,
  backoff: { type: 'fixed', delay: 5000 },
  removeOnComplete: true,
  removeOnFail: true,
} as const;

/** The producer's side of batches: submit, read, follow, cancel. Answers as fast as `JobQueue`. */
export class BatchQueue {
  private readonly queue: Queue<NewBatch>;
  private readonly ledger: BatchLedger;
  private readonly stopping = new AbortController();

  constructor(private readonly parts: BatchQueueParts) {
    const { redis, keys } = parts;
    this.queue = new Queue(BATCH_QUEUE, { connection: redis, prefix: keys.prefix, skipVersionCheck: true });
    this.queue.on('error', () => undefined);
    this.ledger = new BatchLedger(redis, keys);
  }

  /** Batches that have not ended. @throws CairnError `queue-unavailable`. */
  open(): Promise<number> {
    // A batch is a job of its own queue until its last line has been fed and has ended.
    return this.reach(() => this.queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized'));
  }

  /** @throws CairnError `queue-full` where no further batch is accepted now, or `queue-unavailable`. */
  async demandPlace(): Promise<void> {
    const { maxOpen = Infinity } = this.parts;
    if ((await this.open()) < maxOpen) return;
    throw new CairnError('queue-full', `${maxOpen} batches have not ended, which is the limit; try again later.`);
  }

  /**
   * Submits a batch. False when there is one of this id already, which then stays as it is.
   *
   * @throws CairnError `queue-unavailable`.
   */
  submit(batch: NewBatch): Promise<boolean> {
    return this.reach(async () => {
      // The feeder also creates the record, in case this process ends between the two.
      await this.queue.add(BATCH_JOB, batch, { jobId: batch.id, ...FEED_OPTIONS });
      if (await this.ledger.create(batch)) return true;
      return (await this.ledger.read(batch.id))?.manifest === batch.manifest;
    });
  }

  /** Undefined when there is no such batch. @throws CairnError `queue-unavailable`. */
  find(id: string): Promise<Batch | undefined> {
    return this.reach(() => this.ledger.read(id));
  }

  /** @throws CairnError `batch-not-found` or `queue-unavailable`. */
  status(id: string): Promise<BatchStatus> {
    return this.reach(async () => {
      // The active list is as long as all workers are concurrent, however many jobs there are: a few hundred ids at most.
      const active = (await this.parts.jobs.getRanges(['active'])).filter((jobId) => batchOf(jobId) === id).length;
      const rates = await this.ledger.rates(id);
      const batch = await this.ledger.read(id);
      if (!batch) throw batchNotFound(id);
      const left = batch.total - endedLines(batch);
      // A job whose outcome is recorded stays active for another moment.
      const running = Math.min(active, left);
      const known = left > 0 && rates.outcomes > 0;
      const etaSeconds = known ? Math.ceil(left / rates.outcomes) : null;
      return { ...batch, active: running, queued: left - running, rate: rates.completed, etaSeconds };
    });
  }

  /**
   * Cancels what has not ended. Cancelling twice changes nothing.
   *
   * @throws CairnError `batch-not-found`, `batch-finished` when every line has its outcome, `queue-unavailable`.
   */
  async cancel(id: string): Promise<BatchStatus> {
    await this.reach(async () => {
      const before = await this.ledger.cancel(id);
      if (before === undefined) throw batchNotFound(id);
      if (before === 'completed') throw new CairnError('batch-finished', `Batch ${id} has already completed.`);
      await requestCancellation(this.parts.redis, this.parts.keys, id);
    });
    return this.status(id);
  }

  /** Up to `count` results after a cursor. @throws CairnError `batch-not-found` or `queue-unavailable`. */
  page(id: string, after: string, count: number): Promise<BatchResult[]> {
    return this.reach(() => this.ledger.results(id, after, count));
  }

  /**
   * The results after a cursor, in pages and in order of completion; a page is empty where there was nothing new.
   *
   * @throws CairnError `batch-not-found`, or `queue-unavailable` when Redis stays away or this is stopped: a sequence that
   *   ends without an error is complete.
   */
  async *follow(
    id: string,
    after: string,
    { follow, page, signal }: FollowOptions,
  ): AsyncGenerator<readonly BatchResult[]> {
    const stop = AbortSignal.any([signal, this.stopping.signal]);
    const stopped = () => stop.aborted;
    let cursor = after;
    let deadline = Date.now() + AWAY_LIMIT_MS;
    while (!stopped()) {
      const seen = await unlessAway(() => this.look(id, cursor, page));
      if (seen) {
        yield seen.results;
        cursor = seen.results.at(-1)?.cursor ?? cursor;
        deadline = Date.now() + AWAY_LIMIT_MS;
        if (seen.results.length === page) continue;
        if (seen.finished || !follow) return;
      } else if (stopped() || Date.now() > deadline) throw redisUnavailable();
      await delay(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
    throw new CairnError('queue-unavailable', 'The server is stopping; ask again.');
  }

  /** Ends all followers. */
  stopFollowing(): void {
    this.stopping.abort();
  }

  /** May be called twice. */
  async close(): Promise<void> {
    this.stopFollowing();
    await closeWithin(FAIL_FAST_MS, this.queue.close());
  }

  /** Reads whether the batch is finished before its results, so that none comes after the last page. */
  private look(id: string, cursor: string, count: number) {
    return this.reach(async () => {
      const batch = await this.ledger.read(id);
      if (!batch) throw batchNotFound(id);
      const results = await this.ledger.results(id, cursor, count);
      return { results, finished: batch.finishedAt !== undefined };
    });
  }

  private reach<T>(commands: () => Promise<T>): Promise<T> {
    return reachRedis(this.parts.redis, commands);
  }
}

/** The same whether there is none or it is another's. */
export function batchNotFound(id: string): CairnError {
  return new CairnError('batch-not-found', `There is no batch ${id}; batches are kept for seven days when finished.`);
}
