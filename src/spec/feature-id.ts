import { createHash } from 'node:crypto';
import { findModel, type Model } from '../backbone/catalogue.js';
import { requestedSpecSchema, type FeatureSpec } from './feature-spec.js';

/** Raised whenever the same spec gives different values, so that old archives are not returned for it. */
const FORMAT = 'cairn-features-v2';

/**
 * The same image, weights and spec give the same id: SHA-256 in hexadecimal over everything that determines the values,
 * in a fixed order. Options added after the first release count only if they differ from the default, so ids stay.
 */
export function featureId(
  imageSha256: string,
  weightsDigest: string,
  spec: Specified,
  { family, architecture, normalization }: Model = findModel(spec.model),
): string {
  const { stage5, size, levels, dtype } = spec;
  const { channelOrder, mean, std } = normalization;
  const network = [family, architecture, stage5, weightsDigest];
  const { calibrationDigest } = spec;
  const calibration = calibrationDigest === undefined ? [] : [`calibration=${calibrationDigest}`];
  const pixels = [channelOrder, mean, std, size];
  const parts = [FORMAT, imageSha256, ...network, ...pixels, levels, dtype, ...laterOptions(spec), ...calibration];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** A spec, or what contains one: a request for a session may leave out what has its default value. */
type Specified = Pick<FeatureSpec, 'model' | 'stage5' | 'size' | 'dtype'> &
  Partial<Omit<FeatureSpec, 'levels'>> & {
    readonly levels: readonly string[];
    /** Of the calibration that the numbers depend on, where there is one. */
    readonly calibrationDigest?: string | undefined;
  };

const DEFAULTS: Readonly<Record<string, unknown>> = requestedSpecSchema.parse({});
const FIRST_RELEASE = ['model', 'stage5', 'size', 'levels', 'dtype'];

/** Values of options that came after the first release, in the order of their names: all but the defaults. */
function laterOptions(spec: Specified): unknown[] {
  const values: Readonly<Record<string, unknown>> = { ...DEFAULTS, ...spec };
  const names = Object.keys(DEFAULTS).filter((name) => !FIRST_RELEASE.includes(name));
  const differing = names.toSorted().filter((name) => values[name] !== DEFAULTS[name]);
  // The first of them was written without its name.
  return differing.map((name) => (name === 'precision' ? values[name] : `${name}=${String(values[name])}`));
}
