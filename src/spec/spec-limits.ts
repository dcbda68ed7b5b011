import { estimateMemory } from '../backbone/memory.js';
import { CairnError } from '../errors.js';
import type { FeatureSpec } from './feature-spec.js';

/** How much one set of features may ask of a worker. */
export interface SpecLimits {
  /** Largest side of the canvas, in pixels. */
  readonly maxSize: number;
  /** Most memory that a job may need, as `estimateMemory` counts it. */
  readonly maxJobBytes: number;
}

/** @throws CairnError `spec-too-large` for a canvas beyond the limit, or levels that need too much memory. */
export function refuseLargeSpec(spec: FeatureSpec, { maxSize, maxJobBytes }: SpecLimits): void {
  const { size } = spec;
  if (size > maxSize) {
    throw new CairnError(
      'spec-too-large',
      `size is ${size}; the limit of this service is ${maxSize} (CAIRN_MAX_SIZE).`,
    );
  }
  const bytes = estimateMemory(spec);
  if (bytes <= maxJobBytes) return;
  const megabytes = (count: number) => `${Math.round(count / 1e6)} MB`;
  throw new CairnError(
    'spec-too-large',
    `${spec.levels.join(', ')} of ${spec.model} at size ${size} in ${spec.dtype} need about ${megabytes(bytes)} of ` +
      `memory; the limit of this service is ${megabytes(maxJobBytes)} (CAIRN_MAX_JOB_BYTES).`,
  );
}
