import { DelayedError, UnrecoverableError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { asCairnError, CairnError, publicError, withCause } from '../errors.js';
import type { StoreHealth } from '../features/store/store-health.js';
import { onCancellation } from '../jobs/extract-queue.js';
import {
  batchOf,
  EXTRACT_QUEUE,
  fromFailedReason,
  payloadSchema,
  readPayload,
  toFailedReason,
} from '../jobs/payload.js';
import type { JobPayload, JobResult, Outcome, OutcomeRecorder } from '../jobs/payload.js';
import type { Log } from '../log.js';
import { moveLater } from '../jobs/move-later.js';
import { closeWithin } from '../redis/connections.js';
import type { RedisKeys } from '../redis/keys.js';
import { QueueTimes } from '../redis/queue-times.js';
import { isConnectionError } from '../redis/redis-error.js';
import { Attempts, cancelled, type ProcessJob } from './attempt.js';
import { Casualties } from './casualties.js';
import { HandedOn, Postponed, postponement } from './postponed.js';
import { LASTING, MAX_HANDED_ON, OF_THE_PLACE, takeWhileUsable, untilRedisDoes } from './waiting.js';

export interface JobWorkerParts {
  readonly process: ProcessJob;
  /** A patient connection; BullMQ duplicates it. */
  readonly redis: Redis;
  /** Another one, which this uses up to listen for cancellations. */
  readonly subscriber: Redis;
  readonly keys: RedisKeys;
  /** Called in this order, before the job is reported to the queue as finished. */
  readonly recorders?: readonly OutcomeRecorder[];
  /** Jobs are taken while the store can be worked with; always without this. */
  readonly health?: Pick<StoreHealth, 'problem' | 'demandStore'>;
  readonly log: Log;
}

export interface JobWorkerOptions {
  /** The worker's name in the queue; see `formatWorkerName`. */
  readonly name: string;
  /** Jobs taken at once; a batch and two more keep decoding, running and packing busy. */
  readonly concurrency: number;
  /** A job whose worker has not renewed its lock for this long is given to another. */
  readonly lockDurationMs: number;
  /** How long `close` waits for running jobs. */
  readonly drainTimeoutMs: number;
  /** How long the work of one attempt may take; for ever without this. */
  readonly jobTimeoutMs?: number;
}

/** A lock that expires says nothing about the job; `Casualties` knows which jobs kill their workers. */
const ANY_NUMBER_OF_STALLS = 1_000_000;

/** How long a job that was handed on is left to other workers. */
const HANDED_ON_MS = 2000;
const TELL_AGAIN_MS = 60_000;

/** How long a stop waits for jobs when Redis is away. */
const AWAY_DRAIN_MS = 2000;

/** The consumer's side of the queue. */
export class JobWorker {
  private readonly worker: Worker<JobPayload, JobResult>;
  /** Ids of the jobs that run here: BullMQ cancels by id, and a batch has many. */
  private readonly running = new Set<string>();
  private readonly attempts: Attempts;
  private readonly times: QueueTimes;
  private readonly stopping = new AbortController();
  private readonly told = new Set<string>();
  private closing: Promise<void> | undefined;

  constructor(
    private readonly parts: JobWorkerParts,
    private readonly options: JobWorkerOptions,
  ) {
    const { name, concurrency, lockDurationMs, jobTimeoutMs: timeoutMs } = options;
    const { process, redis, keys, health } = parts;
    this.worker = new Worker(EXTRACT_QUEUE, (job, token, signal) => this.run(job, token!, signal!), {
      connection: redis,
      name,
      prefix: keys.prefix,
      concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: lockDurationMs,
      maxStalledCount: ANY_NUMBER_OF_STALLS,
      autorun: false,
    });
    const casualties = new Casualties(redis, name, (jobId) => this.worker.toKey(jobId));
    const patiently = <T>(ask: () => Promise<T>) => this.patiently(ask);
    this.times = new QueueTimes(redis, (key) => this.worker.toKey(key), lockDurationMs);
    this.attempts = new Attempts({ process, redis, keys, casualties, health, timeoutMs, patiently });
    this.watch();
  }

  /** Jobs that run here now. */
  get runs(): number {
    return this.running.size;
  }

  /** Begins to take jobs once the store can be worked with; returns at once. */
  start(): void {
    const { subscriber, keys, log } = this.parts;
    onCancellation(subscriber, keys, (id) => this.cancel(id)).catch((error: unknown) =>
      log.warn(`no subscription to cancellations: ${asCairnError(error).message}`),
    );
    const stopWatching = this.times.watch((count) =>
      log.warn(`${count} times in the queue were those of a clock that was wrong`),
    );
    this.stopping.signal.addEventListener('abort', stopWatching, { once: true });
    const { health } = this.parts;
    const stopped = (error: unknown) => log.warn(`the worker stopped: ${asCairnError(error).message}`);
    if (health) takeWhileUsable(this.worker, health, log, this.stopping.signal).catch(stopped);
    else this.worker.run().catch(stopped);
  }

  /**
   * Takes no more jobs and waits for the running ones, at most `drainTimeoutMs`; other workers redo those that are left. May be
   * called twice.
   */
  close(): Promise<void> {
    this.stopping.abort();
    this.closing ??= this.drain();
    return this.closing;
  }

  private watch(): void {
    const { log, redis } = this.parts;
    this.worker.on('completed', (job, { timings }) => {
      const cached = Object.keys(timings).length === 0 ? ', from the store' : '';
      log.log(
        `job ${job.id} completed: ${payloadSchema.parse(job.data).spec.model} in ${job.finishedOn! - job.processedOn!} ms${cached}`,
      );
    });
    this.worker.on('failed', (job, error) => {
      if (job) this.logFailure(job, error);
      else log.warn(`a job failed: ${error.message}`);
      if (job?.deferredFailure) this.recordStalled(job, error);
    });
    this.worker.on('stalled', (jobId) => log.warn(`job ${jobId} lost its worker and is queued again`));
    // The job continues: should another worker take it meanwhile, the second to finish finds the archive in the store.
    this.worker.on('lockRenewalFailed', (jobIds) => log.warn(`locks could not be renewed: ${jobIds.join(', ')}`));
    // BullMQ reports every attempt to reconnect. The connections log outages; a Redis that answers with errors is reported
    // here, once for each.
    let last: string | undefined;
    this.worker.on('error', ({ message }) => {
      if (redis.status === 'ready' && message !== last && !isConnectionError(message)) log.warn(`queue: ${message}`);
      last = message;
    });
  }

  private logFailure({ id, attemptsMade, opts, finishedOn }: Job<JobPayload, JobResult>, error: Error): void {
    const { log } = this.parts;
    const message = withCause(error);
    if (fromFailedReason(error.message).code === 'cancelled') {
      // Of a batch there may be thousands.
      if (batchOf(id!) === undefined) log.log(`job ${id} cancelled`);
      return;
    }
    const attempts = opts.attempts ?? 1;
    if (finishedOn === undefined) log.warn(`job ${id}: attempt ${attemptsMade} of ${attempts} failed: ${message}`);
    else log.warn(`job ${id} failed: ${message}`);
  }

  private async drain(): Promise<void> {
    const { redis, log } = this.parts;
    const deadline = Date.now() + this.options.drainTimeoutMs;
    let lastSeen = Date.now();
    const idle = this.worker.close().then(() => true);
    do {
      if (await Promise.race([idle, delay(100, false)])) return;
      if (redis.status === 'ready') lastSeen = Date.now();
      // When Redis stays away, no job can be reported as finished.
    } while (Date.now() < deadline && Date.now() - lastSeen < AWAY_DRAIN_MS);
    log.warn('drain timeout; running jobs are left to other workers');
    await closeWithin(1000, this.worker.close(true));
  }

  /** Cancels one job, or those of a batch. */
  private cancel(id: string): void {
    for (const jobId of this.running) {
      if (jobId === id || batchOf(jobId) === id) this.worker.cancelJob(jobId, 'cancelled');
    }
  }

  private async run(job: Job<JobPayload, JobResult>, token: string, signal: AbortSignal): Promise<JobResult> {
    const jobId = job.id!;
    this.running.add(jobId);
    try {
      const payload = readPayload(job.data);
      const result = await this.attempts.run(job, payload, signal);
      await this.record({ jobId, payload, state: 'completed', result });
      return result;
    } catch (thrown) {
      if (thrown instanceof DelayedError) throw thrown;
      if (thrown instanceof Postponed && !signal.aborted) {
        await this.patiently(() => moveLater(this.parts.redis, job, token, postponement(job)));
        throw new DelayedError();
      }
      if (thrown instanceof HandedOn && !signal.aborted) return await this.handOn(job, token, thrown.reason);
      const error = signal.aborted ? cancelled() : publicError(asCairnError(thrown));
      if (OF_THE_PLACE.has(error.code) && (await this.mayHandOn(job, error)))
        return await this.handOn(job, token, error);
      const reason = toFailedReason(error);
      if (error.transient && !isLastAttempt(job)) throw new Error(reason, { cause: error });
      const { code, message } = error;
      const state = code === 'cancelled' ? 'cancelled' : 'failed';
      await this.record({ jobId, payload: job.data, state, error: { code, message } });
      throw error.transient ? new Error(reason, { cause: error }) : unrecoverable(reason, error);
    } finally {
      this.running.delete(jobId);
    }
  }

  private async mayHandOn(job: Job, { code }: CairnError): Promise<boolean> {
    if (!LASTING.has(code)) return true;
    const times = await this.patiently(() => this.parts.redis.hincrby(this.worker.toKey(job.id!), 'handedOn', 1));
    return times <= MAX_HANDED_ON;
  }

  /** Gives the job back, for another worker to take; that is no attempt. */
  private async handOn(job: Job, token: string, { message }: CairnError): Promise<never> {
    this.tell(`jobs are handed on: ${message}`);
    await this.patiently(() => moveLater(this.parts.redis, job, token, HANDED_ON_MS));
    throw new DelayedError();
  }

  private patiently<T>(ask: () => Promise<T>): Promise<T> {
    return untilRedisDoes(ask, (line) => this.tell(line), this.stopping.signal);
  }

  /** Logs a line once a minute: thousands of jobs meet the same state. */
  private tell(line: string): void {
    if (this.told.has(line)) return;
    this.told.add(line);
    setTimeout(() => this.told.delete(line), TELL_AGAIN_MS).unref();
    this.parts.log.warn(line);
  }

  /** BullMQ fails jobs that stalled too often itself, without calling the processor. */
  private recordStalled({ id, data: payload }: Job<JobPayload, JobResult>, { message }: Error): void {
    const error = fromFailedReason(message);
    this.record({ jobId: id!, payload, state: 'failed', error }).catch((thrown: unknown) =>
      this.parts.log.warn(`the failure of job ${id} is not recorded: ${asCairnError(thrown).message}`),
    );
  }

  private async record(outcome: Outcome): Promise<void> {
    for (const recorder of this.parts.recorders ?? []) await this.patiently(() => recorder.record(outcome));
  }
}

/** `attemptsMade` counts the attempts that have ended. */
function isLastAttempt({ attemptsMade, opts }: Job): boolean {
  return attemptsMade + 1 >= (opts.attempts ?? 1);
}

function unrecoverable(reason: string, cause: CairnError): UnrecoverableError {
  return Object.assign(new UnrecoverableError(reason), { cause });
}
