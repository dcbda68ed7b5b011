import { parseSpec, withBackboneLevels, type FeatureSpec, type RequestedSpec } from '../../src/spec/feature-spec.js';

/** Options as text or typed values. */
export type SpecOptions = Readonly<Partial<Record<keyof RequestedSpec, unknown>>>;

/** The spec that options give, with the levels of the backbone where they name none. */
export function specFor(options: SpecOptions): FeatureSpec {
  return withBackboneLevels(parseSpec(options));
}
