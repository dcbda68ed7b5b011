import type { Job } from 'bullmq';
import type { ErrorCode } from '../errors.js';
import type { Description } from '../features/feature-set.js';
import { specOf } from '../spec/feature-spec.js';
import {
  fromFailedReason,
  payloadSchema,
  progressSchema,
  resultSchema,
  type JobPayload,
  type JobProgress,
  type JobResult,
} from './payload.js';
import { IMAGES_PREFIX } from '../images/image-source.js';

export const JOB_STATES = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** A job as its submitter sees it. Times are ISO 8601. */
export interface JobStatus {
  readonly id: string;
  readonly state: JobState;
  readonly payload: JobPayload;
  readonly progress?: JobProgress;
  readonly result?: JobResult;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  readonly attempts: number;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

/**
 * A BullMQ job as its submitter sees it. `queueState` was read before the job and may be stale: the
 * job's own fields show whether it has finished since. `cancelled` says whether cancellation was
 * requested.
 */
export function readStatus(job: Job, queueState: string, cancelled: boolean): JobStatus {
  const state = toState(job, queueState, cancelled);
  const progress = progressSchema.safeParse(job.progress);
  return {
    id: job.id!,
    state,
    payload: payloadSchema.parse(job.data),
    attempts: attemptsOf(job, state),
    createdAt: toIso(job.timestamp),
    ...(progress.success && { progress: progress.data }),
    ...(state === 'completed' && { result: resultSchema.parse(job.returnvalue) }),
    ...(state === 'failed' && { error: fromFailedReason(job.failedReason) }),
    ...(job.processedOn !== undefined && { startedAt: toIso(job.processedOn) }),
    ...(job.finishedOn !== undefined && { finishedAt: toIso(job.finishedOn) }),
  };
}

/** Attempts that have ended, those that ended with their worker, and the one that runs; not the times that a job was postponed. */
function attemptsOf({ attemptsMade, stalledCounter }: Job, state: JobState): number {
  return attemptsMade + stalledCounter + (state === 'active' ? 1 : 0);
}

const CACHED = 'cached-';

/** The feature set that the id of a cached job names; undefined for other ids. */
export function cachedFeatures(jobId: string): string | undefined {
  return jobId.startsWith(CACHED) ? jobId.slice(CACHED.length) : undefined;
}

/** The job of an image whose features were in the store on submission: it was never queued. */
export function cachedStatus(description: Description): JobStatus {
  const { id: featuresId, weights, weightsDigest, imageSha256, createdAt } = description;
  return {
    id: CACHED + featuresId,
    state: 'completed',
    payload: {
      source: { kind: 'upload', key: `${IMAGES_PREFIX}/${imageSha256}`, sha256: imageSha256 },
      spec: specOf(description),
      featuresId,
      weights,
      weightsDigest,
    },
    result: { featuresId, timings: {} },
    attempts: 0,
    createdAt,
    finishedAt: createdAt,
  };
}

export function isFinal(state: JobState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

function toState(
  { finishedOn, failedReason, returnvalue }: Job<unknown, unknown>,
  queueState: string,
  cancelled: boolean,
): JobState {
  if (finishedOn !== undefined) {
    // A job that completed at its second attempt still has the failed reason of the first.
    if (returnvalue) return 'completed';
    // A job that had failed before it was cancelled counts as failed.
    return fromFailedReason(failedReason).code === 'cancelled' ? 'cancelled' : 'failed';
  }
  if (cancelled) return 'cancelled';
  return queueState === 'active' ? 'active' : 'queued';
}

function toIso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
