import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { asCairnError, CairnError } from '../errors.js';
import type { StoreHealth } from '../features/store/store-health.js';
import { isCancelled } from '../jobs/extract-queue.js';
import { PERCENT_AT, type JobPayload, type JobProgress, type JobResult, type JobStage } from '../jobs/payload.js';
import type { RedisKeys } from '../redis/keys.js';
import { givenUp, MAX_DEATHS_ALONE, type Casualties } from './casualties.js';
import { HandedOn } from './postponed.js';
import { Solitude } from './solitude.js';

/** Does one job; `onStage` is called when each of its stages begins. */
export type ProcessJob = (
  payload: JobPayload,
  signal: AbortSignal,
  onStage: (stage: JobStage) => void,
  jobId: string,
) => Promise<JobResult>;

export interface AttemptParts {
  readonly process: ProcessJob;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly casualties: Casualties;
  readonly health?: Pick<StoreHealth, 'demandStore'> | undefined;
  /** How long the work itself may take; for ever without this. */
  readonly timeoutMs?: number | undefined;
  /** Repeats a command until Redis does it. */
  readonly patiently: <T>(ask: () => Promise<T>) => Promise<T>;
}

/** Does jobs; alone where a worker has died of one, or beside it. */
export class Attempts {
  private readonly solitude = new Solitude();

  constructor(private readonly parts: AttemptParts) {}

  /**
   * Does one job until it ends, `signal` is aborted or its time is up.
   *
   * @throws HandedOn when the engine hung in it; CairnError `job-killed-worker` or `engine-hung` when that has happened too
   *   often, `job-timeout`, `cancelled`, else as `process`.
   */
  async run(job: Job, payload: JobPayload, signal: AbortSignal): Promise<JobResult> {
    const { redis, keys, casualties, patiently, health } = this.parts;
    const jobId = job.id!;
    if (await patiently(() => isCancelled(redis, keys, jobId))) throw cancelled();
    await health?.demandStore(payload.store);
    const past = await patiently(() => casualties.past(jobId));
    if (past.deathsAlone >= MAX_DEATHS_ALONE) throw givenUp(past);
    const alone = past.deaths > 0;
    const work = async () => {
      const leave = await this.solitude.enter(alone);
      let hung: CairnError | undefined;
      try {
        if (signal.aborted) throw cancelled();
        await patiently(() => casualties.mark(jobId, past));
        return await this.process(job, payload, signal, (stage) => {
          if (alone) casualties.mark(jobId, past, stage).catch(() => undefined);
        });
      } catch (thrown) {
        const error = asCairnError(thrown);
        if (error.code !== 'engine-hung') throw thrown;
        hung = error;
        throw new HandedOn(hung);
      } finally {
        leave();
        await patiently(() => (hung ? casualties.markHung(jobId, past) : casualties.clear(jobId)));
      }
    };
    return Promise.race([work(), rejectOnAbort(signal)]);
  }

  /** The work itself, which has a deadline: what it waits for then may never end, but the job does. */
  private async process(
    job: Job,
    payload: JobPayload,
    signal: AbortSignal,
    onStage: (stage: JobStage) => void,
  ): Promise<JobResult> {
    const { process, timeoutMs } = this.parts;
    const over = new AbortController();
    let reached: JobStage | undefined;
    const working = process(
      payload,
      AbortSignal.any([signal, over.signal]),
      (stage) => {
        reached = stage;
        report(job, stage);
        onStage(stage);
      },
      job.id!,
    );
    if (timeoutMs === undefined) return working;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const where = reached === undefined ? '' : `, in stage ${reached}`;
        reject(new CairnError('job-timeout', `The job has not ended after ${timeoutMs / 1000} s${where}.`));
        over.abort();
      }, timeoutMs);
    });
    return Promise.race([working, late]).finally(() => clearTimeout(timer));
  }
}

export function cancelled(): CairnError {
  return new CairnError('cancelled', 'The job was cancelled.');
}

/** A run cannot be interrupted, but its job need not wait for it. */
function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(cancelled()), { once: true }));
}

/** Progress is best effort: a job does not fail because a report of it did. */
function report(job: Job, stage: JobStage): void {
  const progress: JobProgress = { stage, percent: PERCENT_AT[stage] };
  job.updateProgress(progress).catch(() => undefined);
}
