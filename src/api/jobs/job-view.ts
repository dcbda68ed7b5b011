import type { JobStatus } from '../../jobs/status.js';
import type { FeatureSpec } from '../../spec/feature-spec.js';
import { featureLinks } from '../features/features.controller.js';

/** A job as the API shows it. */
export type JobView = FeatureSpec &
  Omit<JobStatus, 'payload' | 'result'> & {
    readonly weights: string;
    /** Known from the start, except for images that are still to be fetched. */
    readonly featuresId?: string;
    /** Milliseconds of work per stage. */
    readonly timings?: Record<string, number>;
    /** Present once the job is completed. */
    readonly features?: { readonly id: string; readonly href: string };
    readonly links: Record<string, string>;
  };

export function jobView({ payload, result, ...status }: JobStatus): JobView {
  const { spec, weights } = payload;
  const featuresId = result?.featuresId ?? payload.featuresId;
  return {
    ...status,
    ...spec,
    weights,
    ...(featuresId !== undefined && { featuresId }),
    ...(result && { timings: result.timings, features: featuresRef(result.featuresId) }),
    links: jobLinks(status.id, result?.featuresId),
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
