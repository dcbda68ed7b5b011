import { createHash } from 'node:crypto';
import { findModel, type Model } from '../backbone/catalogue.js';
import type { FeatureSpec } from './feature-spec.js';

/** Raised whenever the same spec gives other numbers, so that old archives are not taken for new ones. */
const FORMAT = 'cairn-features-v2';

/**
 * Same image, weights and spec, same id: SHA-256 in hexadecimal over everything that decides the numbers, in a fixed
 * order. Options that came after the first release count only where they are not the default, so that ids stay.
 */
export function featureId(
  imageSha256: string,
  weightsDigest: string,
  spec: Omit<FeatureSpec, 'levels'> & { readonly levels: readonly string[] },
  { family, architecture, normalization }: Model = findModel(spec.model),
): string {
  const { stage5, size, levels, dtype, precision } = spec;
  const { channelOrder, mean, std } = normalization;
  const network = [family, architecture, stage5, weightsDigest];
  const pixels = [channelOrder, mean, std, size];
  const later = [precision].filter((value) => value !== 'float32');
  const parts = [FORMAT, imageSha256, ...network, ...pixels, levels, dtype, ...later];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
