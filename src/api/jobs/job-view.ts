import { featureId } from '../../spec/feature-id.js';
import type { Description } from '../../features/feature-set.js';
import type { JobPayload } from '../../jobs/payload.js';
import { requestOf } from '../../jobs/payload-request.js';
import type { JobStatus } from '../../jobs/status.js';
import { featureLinks } from '../features/features.controller.js';

/** A job as the API shows it. */
export type JobView = Pick<JobPayload, 'model' | 'stage5' | 'levels' | 'dtype' | 'size' | 'weights'> &
  Omit<JobStatus, 'payload' | 'result'> & {
    /** Known from the start, except for images that are still to be fetched. */
    readonly featuresId?: string;
    /** Milliseconds of work per stage. */
    readonly timings?: Record<string, number>;
    /** Present once the job is completed. */
    readonly features?: { readonly id: string; readonly href: string };
    readonly links: Record<string, string>;
  };

export function jobView({ payload, result, ...status }: JobStatus): JobView {
  const { model, stage5, levels, dtype, size, weights } = payload;
  const featuresId = result?.featuresId ?? expectedId(payload);
  return {
    ...status,
    ...{ model, stage5, levels, dtype, size, weights },
    ...(featuresId !== undefined && { featuresId }),
    ...(result && { timings: result.timings, features: featuresRef(result.featuresId) }),
    links: jobLinks(status.id, result?.featuresId),
  };
}

const CACHED = 'cached-';

/** The feature set that a job id of this kind stands for. */
export function cachedFeatures(jobId: string): string | undefined {
  return jobId.startsWith(CACHED) ? jobId.slice(CACHED.length) : undefined;
}

/** The job of a question that the store had answered before it was asked: it never was in the queue. */
export function cachedJob(description: Description): JobView {
  const { id: featuresId, model, stage5, levels, size, weights, createdAt } = description;
  const id = CACHED + featuresId;
  return {
    id,
    state: 'completed',
    attempts: 0,
    createdAt,
    finishedAt: createdAt,
    ...{ model, stage5, size, weights, featuresId },
    levels: levels.map((level) => level.name),
    dtype: levels[0]!.dtype,
    timings: {},
    features: featuresRef(featuresId),
    links: jobLinks(id, featuresId),
  };
}

function featuresRef(id: string) {
  return { id, href: `/v1/features/${id}` };
}

function jobLinks(id: string, featuresId?: string): Record<string, string> {
  const self = `/v1/jobs/${id}`;
  const {
    safetensors,
    archive,
    self: features,
  } = featuresId ? featureLinks(featuresId) : ({} as Record<string, string>);
  return {
    self,
    events: `${self}/events`,
    ...(features && { features, safetensors: safetensors!, archive: archive! }),
  };
}

function expectedId(payload: JobPayload): string | undefined {
  if (payload.source.kind !== 'upload') return undefined;
  return featureId(payload.source.sha256, payload.weightsDigest, requestOf(payload));
}
