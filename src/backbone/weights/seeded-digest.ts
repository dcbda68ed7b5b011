import { SEEDED_DIGESTS } from './seeded-digests.js';

/**
 * The digest of a model's weights from seed 0, without drawing them, which takes a second of a core; undefined where the
 * table lacks it. `pyramid`: with the parameters of the pyramid.
 */
export function seededDigest(model: string, stage5: boolean, pyramid: boolean): string | undefined {
  const variant = seededVariant(model, stage5, pyramid);
  return Object.hasOwn(SEEDED_DIGESTS, variant) ? SEEDED_DIGESTS[variant] : undefined;
}

/** The key of a digest in the table. */
export function seededVariant(model: string, stage5: boolean, pyramid: boolean): string {
  return [model, ...(stage5 ? [] : ['without stage5']), ...(pyramid ? ['with pyramid'] : [])].join(' ');
}
