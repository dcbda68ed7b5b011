import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { CairnError } from '../errors.js';
import { isCancelled, requestCancellation } from './cancellation.js';
import { EXTRACT_JOB, EXTRACT_QUEUE, type JobPayload, type JobResult } from './payload.js';
import { isFinal, readStatus, type JobState, type JobStatus } from './status.js';
import { PRIORITIES, type Priority } from './priorities.js';
import { reachRedis, redisUnavailable } from '../redis/reach.js';
import { closeWithin, FAIL_FAST_MS, failFastConnection } from '../redis/connections.js';
import { parseWorkerName, type WorkerIdentity } from './worker-name.js';

export interface JobQueueOptions {
  readonly redisUrl: string;
  readonly prefix: string;
  /** Most jobs that may wait; BullMQ has no such limit of its own. */
  readonly limit: number;
}

/** Between the queue and the worker in the names that BullMQ gives to connections. */
const WORKER_MARK = ':w:';
/** Who works, and on how much, is told beside other things, which do not wait for it as long as for a job. */
const TOLD_WITHIN_MS = 1000;

const DAY_SECONDS = 24 * 3600;

/** The producer's side of the queue: submit, look, cancel. Answers within about two seconds, Redis or no Redis. */
export class JobQueue {
  private readonly redis: Redis;
  private readonly queue: Queue<JobPayload, JobResult>;
  /** Jobs that are on their way into the queue. */
  private adding = 0;

  constructor(private readonly options: JobQueueOptions) {
    this.redis = failFastConnection(options.redisUrl);
    this.queue = new Queue(EXTRACT_QUEUE, {
      connection: this.redis,
      prefix: options.prefix,
      // A check that fails because Redis is just going away would leave the queue broken for good; workers check.
      skipVersionCheck: true,
      streams: { events: { maxLen: 10_000 } },
      defaultJobOptions: {
        attempts: 5,
        backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
        removeOnComplete: { age: 7 * DAY_SECONDS, count: 100_000 },
        removeOnFail: { age: 7 * DAY_SECONDS, count: 100_000 },
      },
    });
    this.queue.on('error', () => undefined);
  }

  /** @throws CairnError `queue-full`, or `queue-unavailable` when Redis is away. */
  async submit(payload: JobPayload, priority: Priority): Promise<JobStatus> {
    return this.reach(async () => {
      const waiting = await this.queue.getJobCountByTypes('waiting', 'prioritized', 'delayed');
      // Others have counted the same jobs and are adding theirs: a request may bring many at once.
      if (waiting + this.adding >= this.options.limit) {
        throw new CairnError(
          'queue-full',
          `${this.options.limit} jobs are waiting, which is the limit; try again later.`,
        );
      }
      this.adding++;
      try {
        const job = await this.queue.add(EXTRACT_JOB, payload, { jobId: randomUUID(), priority: PRIORITIES[priority] });
        return readStatus(job, 'waiting', false);
      } finally {
        this.adding--;
      }
    });
  }

  /** @throws CairnError `job-not-found` or `queue-unavailable`. */
  async status(jobId: string): Promise<JobStatus> {
    return this.reach(async () => {
      // In this order: a state that is older than the job's fields is mended by them, not the other way round.
      const [state, cancelled] = await Promise.all([
        this.queue.getJobState(jobId),
        isCancelled(this.redis, this.options.prefix, jobId),
      ]);
      const job = await this.queue.getJob(jobId);
      if (!job) throw new CairnError('job-not-found', `There is no job ${jobId}; jobs are kept for seven days.`);
      return readStatus(job, state, cancelled);
    });
  }

  /**
   * Cancels a job that waits or runs. Cancelling twice changes nothing.
   *
   * @throws CairnError `job-finished` when it has completed or failed, `job-not-found`, `queue-unavailable`.
   */
  async cancel(jobId: string): Promise<JobStatus> {
    const before = await this.status(jobId);
    if (before.state === 'cancelled') return before;
    if (isFinal(before.state)) throw new CairnError('job-finished', `Job ${jobId} has already ${before.state}.`);
    await this.reach(() => requestCancellation(this.redis, this.options.prefix, jobId));
    return this.status(jobId);
  }

  /**
   * The workers that are connected now.
   *
   * @throws CairnError `queue-unavailable` when Redis is away or does not tell.
   */
  async workers(): Promise<WorkerIdentity[]> {
    const clients = await this.reach(() => this.queue.getWorkers(), TOLD_WITHIN_MS);
    return clients.flatMap(({ rawname }) => {
      // Redis services that keep their list of clients to themselves are given one entry without this name.
      if (rawname === undefined) throw redisUnavailable();
      return parseWorkerName(rawname.slice(rawname.lastIndexOf(WORKER_MARK) + WORKER_MARK.length)) ?? [];
    });
  }

  /**
   * Jobs that the queue holds, by state; those that were cancelled before they ran count as failed once a worker has
   * met them.
   *
   * @throws CairnError `queue-unavailable`.
   */
  async counts(): Promise<Partial<Record<JobState, number>>> {
    const types = ['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed'] as const;
    const counts = await this.reach(() => this.queue.getJobCounts(...types), TOLD_WITHIN_MS);
    const { waiting = 0, prioritized = 0, delayed = 0, active = 0, completed = 0, failed = 0 } = counts;
    return { queued: waiting + prioritized + delayed, active, completed, failed };
  }

  /** @throws CairnError `queue-unavailable` unless Redis answers. */
  async ping(): Promise<void> {
    await this.reach(() => this.redis.ping());
  }

  async close(): Promise<void> {
    await closeWithin(FAIL_FAST_MS, this.queue.close());
    this.redis.disconnect();
  }

  private reach<T>(commands: () => Promise<T>, withinMs = FAIL_FAST_MS): Promise<T> {
    return reachRedis(this.redis, commands, withinMs);
  }
}
