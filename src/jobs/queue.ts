import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { CairnError } from '../errors.js';
import { countWaiting, isCancelled, readCancelled, requestCancellation, type ExtractQueue } from './extract-queue.js';
import { OwnedJobs } from './owned-jobs.js';
import { batchOf, EXTRACT_JOB, isJobId, type JobPayload, PRIORITIES, type Priority } from './payload.js';
import { isFinal, readStatus, type JobState, type JobStatus } from './status.js';
import type { RedisKeys } from '../redis/keys.js';
import { reachRedis, redisUnavailable } from '../redis/reach.js';
import { FAIL_FAST_MS } from '../redis/connections.js';

export interface JobQueueParts {
  /** A fail-fast connection, also that of `queue`. */
  readonly redis: Redis;
  readonly queue: ExtractQueue;
  readonly keys: RedisKeys;
  /** Most jobs that may wait; BullMQ has no such limit of its own. */
  readonly limit: number;
}

/** States of jobs that no worker has. */
const WAITING: ReadonlySet<string> = new Set(['waiting', 'prioritized', 'delayed']);

/** Precedes the worker's name in the names that BullMQ gives to connections. */
const WORKER_MARK = ':w:';
/** Worker lists and counts are optional parts of an answer: wait less for them. */
const OPTIONAL_WITHIN_MS = 1000;
const PROBE_TTL_MS = 10_000;

/** The producer's side of the queue: submit, read, cancel. Answers within about two seconds, with or without Redis. */
export class JobQueue {
  /** Jobs that are being added. */
  private adding = 0;
  private readonly owned: OwnedJobs;

  constructor(private readonly parts: JobQueueParts) {
    this.owned = new OwnedJobs(parts.redis, parts.keys.usage, parts.queue);
  }

  /** Most jobs that may wait. */
  get limit(): number {
    return this.parts.limit;
  }

  /**
   * @param mostOfOwner how many jobs the owner of the job may have queued or active.
   * @throws CairnError `queue-full`, `quota-exceeded`, or `queue-unavailable` when Redis is away.
   */
  async submit(payload: JobPayload, priority: Priority, mostOfOwner?: number): Promise<JobStatus> {
    return this.reach(async () => {
      const { queue, limit } = this.parts;
      const waiting = await countWaiting(queue);
      // Concurrent submissions have counted the same jobs and are adding theirs. Exact within one process only.
      if (waiting + this.adding >= limit) {
        throw new CairnError('queue-full', `${limit} jobs are waiting, which is the limit; try again later.`);
      }
      this.adding++;
      try {
        const jobId = randomUUID();
        await this.claim(jobId, payload, mostOfOwner);
        const job = await queue.add(EXTRACT_JOB, payload, { jobId, priority: PRIORITIES[priority] });
        return readStatus(job, 'waiting', false);
      } finally {
        this.adding--;
      }
    });
  }

  /** @throws CairnError `job-not-found` or `queue-unavailable`. */
  async status(jobId: string): Promise<JobStatus> {
    // BullMQ keeps its own records under keys of the same form as those of jobs: `meta`, `events`, ….
    if (!isJobId(jobId)) throw jobNotFound(jobId);
    return this.reach(async () => {
      const { queue, redis, keys } = this.parts;
      // State first: readStatus corrects a stale state from the job's own fields.
      const [state, cancelled] = await Promise.all([queue.getJobState(jobId), isCancelled(redis, keys, jobId)]);
      const job = await queue.getJob(jobId);
      if (!job && cancelled) {
        const taken = await readCancelled(redis, keys, jobId);
        if (taken) return taken;
      }
      if (!job) throw jobNotFound(jobId);
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
    const { redis, queue, keys } = this.parts;
    await this.reach(async () => {
      await requestCancellation(redis, keys, jobId, before);
      // A job that still waits now will not run, so its place in the queue is free; the lines of a batch are its feeder's.
      const waits = WAITING.has(await queue.getJobState(jobId));
      if (!waits || batchOf(jobId) !== undefined) return;
      await queue.remove(jobId);
      const { owner } = before.payload;
      if (owner !== undefined) await this.owned.release(owner, jobId);
    });
    return this.status(jobId);
  }

  /**
   * The workers that are connected now.
   *
   * @throws CairnError `queue-unavailable` when Redis is away or hides its clients.
   */
  async workers(): Promise<WorkerIdentity[]> {
    const clients = await this.reach(() => this.parts.queue.getWorkers(), OPTIONAL_WITHIN_MS);
    return clients.flatMap(({ rawname }) => {
      // Redis services that hide their list of clients yield one entry without this name.
      if (rawname === undefined) throw redisUnavailable();
      return parseWorkerName(rawname.slice(rawname.lastIndexOf(WORKER_MARK) + WORKER_MARK.length)) ?? [];
    });
  }

  /**
   * Jobs that the queue holds, by state. Jobs that were cancelled while they ran count as failed.
   *
   * @throws CairnError `queue-unavailable`.
   */
  async counts(): Promise<Partial<Record<JobState, number>>> {
    const types = ['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed'] as const;
    const counts = await this.reach(() => this.parts.queue.getJobCounts(...types), OPTIONAL_WITHIN_MS);
    const { waiting = 0, prioritized = 0, delayed = 0, active = 0, completed = 0, failed = 0 } = counts;
    return { queued: waiting + prioritized + delayed, active, completed, failed };
  }

  /** @throws CairnError `queue-unavailable` unless Redis accepts writes. */
  async probe(): Promise<void> {
    await this.reach(() => this.parts.redis.set(this.parts.keys.probe, '1', 'PX', PROBE_TTL_MS));
  }

  /** @throws CairnError `quota-exceeded`. */
  private async claim(jobId: string, { owner }: JobPayload, most: number | undefined): Promise<void> {
    if (owner === undefined || most === undefined || (await this.owned.claim(owner, jobId, most))) return;
    throw new CairnError(
      'quota-exceeded',
      `The key "${owner}" has ${most} jobs that are queued or active, which is its limit; try again when some have ended.`,
    );
  }

  private reach<T>(commands: () => Promise<T>, withinMs = FAIL_FAST_MS): Promise<T> {
    return reachRedis(this.parts.redis, commands, withinMs);
  }
}

/** The same whether there is none or it is another's. */
export function jobNotFound(jobId: string): CairnError {
  return new CairnError('job-not-found', `There is no job ${jobId}; jobs are kept for seven days.`);
}

/** The engine and device of a worker, and its process. */
export interface WorkerIdentity {
  readonly engine: string;
  readonly device: string;
  readonly host: string;
  readonly pid: number;
}

/** `engine/device@host:pid`; characters that Redis does not allow in a client's name are percent-encoded. */
export function formatWorkerName({ engine, device, host, pid }: WorkerIdentity): string {
  const [e, d, h] = [engine, device, host].map(encodeURIComponent);
  return `${e}/${d}@${h}:${pid}`;
}

/** The inverse; undefined for any other name. */
export function parseWorkerName(name: string): WorkerIdentity | undefined {
  const match = /^([^/@:]+)\/([^/@:]+)@([^/@:]+):(\d+)$/.exec(name);
  if (!match) return undefined;
  try {
    const [engine, device, host] = match.slice(1, 4).map(decodeURIComponent) as [string, string, string];
    return { engine, device, host, pid: Number(match[4]) };
  } catch {
    return undefined;
  }
}
