import { z } from 'zod';
import { parseOptions, requestedSpecSchema, type RequestedSpec } from '../spec/feature-spec.js';
import { PRIORITY_NAMES, type Priority } from './payload.js';

/** Options of one job: the spec's, and when it is taken from the queue. */
export const jobOptionsSchema = requestedSpecSchema.extend({
  priority: z
    .enum(PRIORITY_NAMES, {
      error: ({ input }) => `priority must be ${PRIORITY_NAMES.join(', ')}, not "${String(input)}".`,
    })
    .default('normal')
    .meta({ description: 'Jobs of a higher priority are taken from the queue first.' }),
});

/** Options as they come, of any type, by name; to be checked by `parseJobOptions`. */
export type GivenOptions = Readonly<Record<string, unknown>>;

export interface JobOptions {
  readonly spec: RequestedSpec;
  readonly priority: Priority;
}

/** @throws CairnError as `parseOptions`. */
export function parseJobOptions(given: GivenOptions): JobOptions {
  const { priority, ...spec } = parseOptions(jobOptionsSchema, given);
  return { spec, priority };
}
