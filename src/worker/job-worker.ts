import { UnrecoverableError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { asCairnError, CairnError } from '../errors.js';
import { batchOf } from '../batches/manifest/schema.js';
import { isCancelled, onCancellation } from '../jobs/cancellation.js';
import { fromFailedReason, toFailedReason } from '../jobs/failure.js';
import { EXTRACT_QUEUE, payloadSchema, type JobPayload, type JobProgress, type JobResult } from '../jobs/payload.js';
import { closeWithin, patientConnection } from '../redis/connections.js';
import { PERCENT_AT, type JobStage } from '../jobs/stages.js';
import type { ExtractProcessor } from './processor.js';
import type { Outcome, OutcomeRecorder } from '../jobs/outcome.js';

export interface WorkerLog {
  log(message: string): void;
  warn(message: string): void;
}

export interface JobWorkerOptions {
  /** What the queue knows this worker by; see `formatWorkerName`. */
  readonly name: string;
  readonly redisUrl: string;
  readonly prefix: string;
  /** Jobs taken at once; a batch and two more keep decoding, running and packing busy. */
  readonly concurrency: number;
  /** A job whose worker has not renewed its lock for this long is given to another. */
  readonly lockDurationMs: number;
  /** How long `close` waits for running jobs. */
  readonly drainTimeoutMs: number;
}

/** A job can outlive this many workers that die under it; then it is taken for what kills them. */
const MAX_STALLS = 3;

/** How long a stop waits for jobs when Redis is away. */
const AWAY_DRAIN_MS = 2000;

/** The consumer's side of the queue. */
export class JobWorker {
  private readonly redis: Redis;
  private readonly subscriber: Redis;
  private readonly worker: Worker<JobPayload, JobResult>;
  private readonly closed = new AbortController();
  /** Ids of the jobs that run here. */
  private readonly running = new Set<string>();
  private closing: Promise<void> | undefined;

  constructor(
    private readonly processor: ExtractProcessor,
    private readonly options: JobWorkerOptions,
    private readonly log: WorkerLog,
    private readonly recorders: readonly OutcomeRecorder[] = [],
  ) {
    const { name, redisUrl, prefix, concurrency, lockDurationMs } = options;
    this.redis = patientConnection(redisUrl, this.closed.signal);
    this.subscriber = patientConnection(redisUrl, this.closed.signal);
    this.worker = new Worker(EXTRACT_QUEUE, (job, _, signal) => this.process(job, signal!), {
      connection: this.redis,
      name,
      prefix,
      concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: lockDurationMs,
      maxStalledCount: MAX_STALLS,
      autorun: false,
    });
    this.logOutages();
    this.worker.on('failed', (job, error) => {
      log.warn(`job ${job?.id} failed: ${error.message}`);
      if (job?.deferredFailure) this.recordStalled(job, error);
    });
    this.worker.on('stalled', (jobId) => log.warn(`job ${jobId} lost its worker and is queued again`));
    // The job goes on: should another worker take it meanwhile, the second to finish finds the archive there.
    this.worker.on('lockRenewalFailed', (jobIds) => log.warn(`locks could not be renewed: ${jobIds.join(', ')}`));
  }

  /** Begins to take jobs; resolves at once. */
  start(): void {
    const { prefix } = this.options;
    onCancellation(this.subscriber, prefix, (id) => this.cancel(id)).catch((error: unknown) =>
      this.log.warn(`cancellations are not heard: ${asCairnError(error).message}`),
    );
    this.worker.run().catch((error: unknown) => this.log.warn(`the worker stopped: ${asCairnError(error).message}`));
  }

  /** Takes no more jobs, waits for those that run, at most `drainTimeoutMs`; what is left goes to other workers. May be called twice. */
  close(): Promise<void> {
    this.closing ??= this.drain();
    return this.closing;
  }

  /** BullMQ tells of every attempt to reconnect; an outage is told once. */
  private logOutages(): void {
    let told: string | undefined;
    this.worker.on('error', ({ message }) => {
      if (message !== told) this.log.warn(`queue: ${message}`);
      told = message;
    });
    this.redis.on('ready', () => {
      if (told !== undefined) this.log.log('queue: back again');
      told = undefined;
    });
  }

  private async drain(): Promise<void> {
    const idle = new AbortController();
    const outcome = await Promise.race([this.worker.close().then(() => 'idle' as const), this.overdue(idle.signal)]);
    idle.abort();
    if (outcome === 'overdue') {
      this.log.warn('not idle in time; what still runs is left to other workers');
      await closeWithin(1000, this.worker.close(true));
    }
    this.closed.abort();
    this.redis.disconnect();
    this.subscriber.disconnect();
  }

  /** Resolves when the time to drain is over, or when Redis stays away: without it no job can be reported as finished. */
  private async overdue(idle: AbortSignal): Promise<'overdue'> {
    const deadline = Date.now() + this.options.drainTimeoutMs;
    let lastSeen = Date.now();
    while (!idle.aborted && Date.now() < deadline && Date.now() - lastSeen < AWAY_DRAIN_MS) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (this.redis.status === 'ready') lastSeen = Date.now();
    }
    return 'overdue';
  }

  /** One job, or those of a batch. */
  private cancel(id: string): void {
    for (const jobId of this.running) {
      if (jobId === id || batchOf(jobId) === id) this.worker.cancelJob(jobId, 'cancelled');
    }
  }

  private async process(job: Job<JobPayload, JobResult>, signal: AbortSignal): Promise<JobResult> {
    this.running.add(job.id!);
    try {
      return await this.run(job, signal);
    } finally {
      this.running.delete(job.id!);
    }
  }

  private async run(job: Job<JobPayload, JobResult>, signal: AbortSignal): Promise<JobResult> {
    const jobId = job.id!;
    try {
      const payload = payloadSchema.parse(job.data);
      if (await isCancelled(this.redis, this.options.prefix, jobId)) throw cancelled();
      const work = this.processor.process(payload, signal, (stage) => report(job, stage));
      const result = await Promise.race([work, rejectOnAbort(signal)]);
      await this.record({ jobId, payload, state: 'completed', result });
      return result;
    } catch (thrown) {
      const error = signal.aborted ? cancelled() : asCairnError(thrown);
      const reason = toFailedReason(error);
      if (error.transient && !isLastAttempt(job)) throw new Error(reason, { cause: error });
      const { code, message } = error;
      const state = code === 'cancelled' ? 'cancelled' : 'failed';
      await this.record({ jobId, payload: job.data, state, error: { code, message } });
      throw error.transient ? new Error(reason, { cause: error }) : new UnrecoverableError(reason);
    }
  }

  /** The queue gives up by itself what has outlived too many workers, and nobody processes it. */
  private recordStalled({ id, data: payload }: Job<JobPayload, JobResult>, { message }: Error): void {
    const error = fromFailedReason(message);
    this.record({ jobId: id!, payload, state: 'failed', error }).catch((thrown: unknown) =>
      this.log.warn(`the end of job ${id} is not recorded: ${asCairnError(thrown).message}`),
    );
  }

  private async record(outcome: Outcome): Promise<void> {
    for (const recorder of this.recorders) await recorder.record(outcome);
  }
}

/** `attemptsMade` counts those that have ended. */
function isLastAttempt({ attemptsMade, opts }: Job): boolean {
  return attemptsMade + 1 >= (opts.attempts ?? 1);
}

function cancelled(): CairnError {
  return new CairnError('cancelled', 'The job was cancelled.');
}

/** A run cannot be interrupted; its job need not wait for it. */
function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(cancelled()), { once: true }));
}

/** Progress is a courtesy: a job does not fail because it could not be told. */
function report(job: Job, stage: JobStage): void {
  const progress: JobProgress = { stage, percent: PERCENT_AT[stage] };
  job.updateProgress(progress).catch(() => undefined);
}
