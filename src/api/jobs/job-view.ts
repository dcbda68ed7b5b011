import { z } from 'zod';
import { featureLinks, featureRef, featureRefSchema } from '../../features/links.js';
import { sha256Schema } from '../../formats/sha256.js';
import { progressSchema } from '../../jobs/payload.js';
import { JOB_STATES, type JobStatus } from '../../jobs/status.js';
import { featureSpecSchema } from '../../spec/feature-spec.js';

const path = z.string();

/** A job as the API shows it. */
export const jobViewSchema = featureSpecSchema
  .strip()
  .extend({
    id: z.string(),
    state: z.enum(JOB_STATES),
    weights: z.string().meta({ description: '`seeded` (untrained), or the name of the weights file.' }),
    featuresId: sha256Schema
      .optional()
      .meta({ description: 'Id of the feature set; unknown at first for an image that is still to be fetched.' }),
    progress: progressSchema.optional().meta({ description: 'The stage that has begun, and the share of work done.' }),
    timings: z.record(z.string(), z.number()).optional().meta({ description: 'Milliseconds of work per stage.' }),
    error: z.object({ code: z.string(), message: z.string() }).optional().meta({ description: 'Why the job failed.' }),
    owner: z.string().optional().meta({ description: 'Name of the key that submitted the job.' }),
    attempts: z.int().meta({ description: 'How many times a worker has taken the job.' }),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().optional(),
    finishedAt: z.iso.datetime().optional(),
    features: featureRefSchema.optional().meta({ description: 'The feature set, once the job is completed.' }),
    links: z.object({
      self: path,
      events: path,
      features: path.optional(),
      safetensors: path.optional(),
      archive: path.optional(),
    }),
  })
  .meta({ id: 'Job', description: 'The extraction of the features of one image.' });
export type JobView = z.infer<typeof jobViewSchema>;

export function jobView({ payload, result, progress, ...status }: JobStatus): JobView {
  const { spec, weights, owner } = payload;
  const featuresId = result?.featuresId ?? payload.featuresId;
  const shown = status.state === 'completed' ? ({ stage: 'pack', percent: 100 } as const) : progress;
  return {
    ...status,
    ...spec,
    levels: [...spec.levels],
    weights,
    ...(owner !== undefined && { owner }),
    ...(shown && { progress: shown }),
    ...(featuresId !== undefined && { featuresId }),
    ...(result && { timings: result.timings, features: featureRef(result.featuresId) }),
    links: jobLinks(status.id, result?.featuresId),
  };
}

function jobLinks(id: string, featuresId: string | undefined): JobView['links'] {
  const self = `/v1/jobs/${id}`;
  if (featuresId === undefined) return { self, events: `${self}/events` };
  const { self: features, safetensors, archive } = featureLinks(featuresId);
  return { self, events: `${self}/events`, features, safetensors, archive };
}
