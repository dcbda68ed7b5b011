import { parseFeatureOptions, type FeatureRequest } from '../spec/feature-spec.js';
import type { JobPayload } from './payload.js';

/**
 * Which features a job asks for. A job may be older than the software that reads it, so its options
 * are checked again.
 *
 * @throws CairnError as `parseFeatureOptions`.
 */
export function requestOf({ model, levels, dtype, precision, size, stage5 }: JobPayload): FeatureRequest {
  const texts = { levels: levels.join(','), size: String(size), stage5: String(stage5) };
  return parseFeatureOptions({ model, dtype, precision, ...texts });
}
