import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { asCairnError, CairnError } from '../errors.js';
import { BATCH_JOB, BATCH_QUEUE, batchOf } from './manifest/schema.js';
import { BatchLedger, type BatchResult } from './ledger.js';
import { endedLines, type Batch, type NewBatch } from './batch.js';
import { requestCancellation } from '../jobs/cancellation.js';
import { EXTRACT_QUEUE } from '../jobs/payload.js';
import { reachRedis } from '../redis/reach.js';
import { closeWithin, FAIL_FAST_MS, failFastConnection } from '../redis/connections.js';

/** A batch as its submitter sees it. Times are ISO 8601. */
export interface BatchStatus extends Batch {
  readonly active: number;
  readonly queued: number;
  /** Feature sets per second of late. */
  readonly rate: number;
  /** Null while nothing tells, and once it is finished. */
  readonly etaSeconds: number | null;
}

export interface FollowOptions {
  /** Wait for more until the batch is finished. */
  readonly follow: boolean;
  /** Most results at a time. */
  readonly page: number;
  readonly signal: AbortSignal;
}

/** Followers look at this pace whether there is more: one small command each. */
const LOOK_EVERY_MS = 250;
/** A follower outlasts a Redis that restarts. */
const PATIENCE_MS = 30_000;

/** The producer's side of batches: submit, look, follow, cancel. Answers as fast as `JobQueue`. */
export class BatchQueue {
  private readonly redis: Redis;
  private readonly queue: Queue<NewBatch>;
  private readonly jobs: Queue;
  private readonly ledger: BatchLedger;
  private readonly stopping = new AbortController();

  constructor(
    redisUrl: string,
    private readonly prefix: string,
  ) {
    this.redis = failFastConnection(redisUrl);
    const options = { connection: this.redis, prefix, skipVersionCheck: true };
    this.queue = new Queue(BATCH_QUEUE, options);
    this.jobs = new Queue(EXTRACT_QUEUE, options);
    for (const queue of [this.queue, this.jobs]) queue.on('error', () => undefined);
    this.ledger = new BatchLedger(this.redis, prefix);
  }

  /**
   * Hands a batch over. False when there is one of this id already, which then stays as it is.
   *
   * @throws CairnError `queue-unavailable`.
   */
  submit(batch: NewBatch): Promise<boolean> {
    return reachRedis(this.redis, async () => {
      // Who feeds it opens the books as well, should this process end between the two.
      const options = { jobId: batch.id, attempts: 1_000_000, backoff: { type: 'fixed', delay: 5000 } };
      await this.queue.add(BATCH_JOB, batch, { ...options, removeOnComplete: true, removeOnFail: true });
      if (await this.ledger.create(batch)) return true;
      return (await this.ledger.read(batch.id))?.manifest === batch.manifest;
    });
  }

  /** Undefined when there is no such batch. @throws CairnError `queue-unavailable`. */
  find(id: string): Promise<Batch | undefined> {
    return reachRedis(this.redis, () => this.ledger.read(id));
  }

  /** @throws CairnError `batch-not-found` or `queue-unavailable`. */
  status(id: string): Promise<BatchStatus> {
    return reachRedis(this.redis, async () => {
      const active = (await this.jobs.getRanges(['active'])).filter((jobId) => batchOf(jobId) === id).length;
      const rates = await this.ledger.rates(id);
      const batch = await this.ledger.read(id);
      if (!batch) throw notFound(id);
      const left = batch.total - endedLines(batch);
      // A job that has just ended is active for a moment more.
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
    await reachRedis(this.redis, async () => {
      const before = await this.ledger.cancel(id);
      if (before === undefined) throw notFound(id);
      if (before === 'completed') throw new CairnError('batch-finished', `Batch ${id} has already completed.`);
      await requestCancellation(this.redis, this.prefix, id);
    });
    return this.status(id);
  }

  /** Up to `count` results after a cursor. @throws CairnError `batch-not-found` or `queue-unavailable`. */
  page(id: string, after: string, count: number): Promise<BatchResult[]> {
    return reachRedis(this.redis, () => this.ledger.results(id, after, count));
  }

  /**
   * The results after a cursor, page after page in the order they came; an empty page says that this looked in vain.
   *
   * @throws CairnError `batch-not-found`, or `queue-unavailable` when Redis stays away or this is stopped: an answer
   *   that ends otherwise is whole.
   */
  async *follow(
    id: string,
    after: string,
    { follow, page, signal }: FollowOptions,
  ): AsyncGenerator<readonly BatchResult[]> {
    const stop = AbortSignal.any([signal, this.stopping.signal]);
    let cursor = after;
    while (!stop.aborted) {
      const { results, finished } = await this.patiently(stop, () => this.look(id, cursor, page));
      yield results;
      cursor = results.at(-1)?.cursor ?? cursor;
      if (results.length === page) continue;
      if (finished || !follow) return;
      await delay(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
    throw new CairnError('queue-unavailable', 'The server is stopping; ask again.');
  }

  /** Ends all that follow. */
  stopFollowing(): void {
    this.stopping.abort();
  }

  /** May be called twice. */
  async close(): Promise<void> {
    this.stopFollowing();
    await closeWithin(FAIL_FAST_MS, Promise.all([this.queue.close(), this.jobs.close()]));
    this.redis.disconnect();
  }

  /** That the batch was finished is read before its results, so that none comes after the last page. */
  private look(id: string, cursor: string, count: number) {
    return reachRedis(this.redis, async () => {
      const batch = await this.ledger.read(id);
      if (!batch) throw notFound(id);
      const results = await this.ledger.results(id, cursor, count);
      return { results, finished: batch.finishedAt !== undefined };
    });
  }

  private async patiently<T>(stop: AbortSignal, look: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await look();
      } catch (thrown) {
        const error = asCairnError(thrown);
        if (error.code !== 'queue-unavailable' || Date.now() > deadline || stop.aborted) throw error;
        await delay(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    }
  }
}

function notFound(id: string): CairnError {
  return new CairnError('batch-not-found', `There is no batch ${id}; batches are kept for seven days when finished.`);
}
