import { z } from 'zod';
import {
  chooseLevels,
  DEFAULT_MODEL,
  DEFAULT_SIZE,
  findModel,
  MAX_SIZE,
  MIN_SIZE,
  SIZE_STEP,
} from '../backbone/catalogue.js';
import { LEVEL_NAMES } from '../backbone/graph/graph.js';
import { CODECS, DTYPES, LAYOUTS, PRECISIONS } from '../backbone/tensor.js';
import { CairnError, type ErrorCode } from '../errors.js';
import type { Description } from '../features/feature-set.js';
import { defaultModel } from './default-model.js';
import { must, oneOf, parse, showValue, toBoolean, toNumber } from '../parse.js';

// Text comes from a query, a form or a flag; JSON, manifests and the queue bring typed values. Both mean the same.
const toList = (value: unknown) => (typeof value === 'string' ? value.split(',').map((name) => name.trim()) : value);
/** A parameter that a query or a form repeats is a list of texts. */
const toText = (value: unknown) => (Array.isArray(value) ? value.join(',') : value);

const problem = (sentence: string) => must(sentence, '.');
const unknown = (what: string, known: readonly string[]) => ({
  error: ({ input }: { input?: unknown }) => `There is no ${what} "${showValue(input)}"; known: ${known.join(', ')}.`,
});
/** About 25 dB for C2 to C5 of ResNet-50 in 3.3 MB; see docs/choosing.md. */
const DEFAULT_QUALITY = 75;
const QUALITY = problem('quality must be a whole number from 1 to 100');
const SIZE = problem(`size must be a multiple of ${SIZE_STEP} from ${MIN_SIZE} to ${MAX_SIZE}`);

/**
 * The requested features of an image: the one schema for every interface. It accepts text or typed values and returns
 * the typed spec. Without `levels` the weights decide: see `ModelRegistry.resolve`.
 */
export const requestedSpecSchema = z.strictObject({
  model: z
    .preprocess(toText, z.string(problem('model must be a name')))
    .default(defaultModel)
    .meta({
      description: 'Entry of the catalogue: <family>-<architecture>. Default: the best one that has weights.',
      example: DEFAULT_MODEL,
    }),
  stage5: z
    .preprocess(toBoolean, z.boolean(problem('stage5 must be true or false')))
    .default(true)
    .meta({ description: 'false leaves out stage 5 of the network, and C5 with it.' }),
  levels: z
    .preprocess(
      toList,
      z.array(z.enum(LEVEL_NAMES, unknown('level', LEVEL_NAMES)), problem('levels must be a list of names')),
    )
    .optional()
    .meta({
      description: 'Levels to compute. Default: P2 to P6 where the weights hold a feature pyramid, else C2 to C5.',
      example: 'C2,C3,C4,C5',
    }),
  dtype: z
    .preprocess(toText, z.enum(DTYPES, unknown('dtype', DTYPES)))
    .default('float16')
    .meta({ description: `Element type in which the levels are kept: ${oneOf(DTYPES)}.` }),
  precision: z
    .preprocess(toText, z.enum(PRECISIONS, problem(`precision must be ${oneOf(PRECISIONS)}`)))
    .default('float32')
    .meta({
      description:
        'Element type in which the network computes: float32, float16 (on a GPU), or int8 (on a CPU, with a calibration).',
    }),
  layout: z
    .preprocess(toText, z.enum(LAYOUTS, problem(`layout must be ${oneOf(LAYOUTS)}`)))
    .default('nhwc')
    .meta({ description: 'Order of the axes of a level: nhwc, or nchw with the channels first.' }),
  codec: z
    .preprocess(toText, z.enum(CODECS, must(`codec must be ${oneOf(CODECS)}`)))
    .default('zstd')
    .meta({ description: 'How the archive is compressed: zstd, or jpeg (with loss, for dtype uint8).' }),
  quality: z
    .preprocess(toNumber, z.int(QUALITY).min(1, QUALITY).max(100, QUALITY))
    .default(DEFAULT_QUALITY)
    .meta({ description: 'Quality of codec jpeg, 1 to 100.' }),
  size: z
    .preprocess(toNumber, z.int(SIZE).min(MIN_SIZE, SIZE).max(MAX_SIZE, SIZE).multipleOf(SIZE_STEP, SIZE))
    .default(DEFAULT_SIZE)
    .meta({ description: `Side of the square canvas in pixels, a multiple of ${SIZE_STEP}.` }),
});

/** The spec of a computation: every field is known. Queue payloads, manifests and views carry it as it is. */
export const featureSpecSchema = requestedSpecSchema.required({ levels: true });

/** A spec as requested; without `levels`, the weights decide. */
export type RequestedSpec = Readonly<z.infer<typeof requestedSpecSchema>>;
/** A spec in which every field is known. */
export type FeatureSpec = Readonly<z.infer<typeof featureSpecSchema>>;

/** Codes of values that are not among the known ones; every other problem is `option-invalid`. */
const CODES: Readonly<Record<string, ErrorCode>> = { levels: 'level-unknown', dtype: 'dtype-unknown' };

/**
 * Options by name, checked and completed. A schema may add options of its own to those of the spec.
 *
 * @throws CairnError `option-unknown`, `option-invalid`, `model-unknown`, `level-unknown`, `level-absent`,
 *   `levels-unsuitable` or `dtype-unknown`.
 */
export function parseOptions<S extends z.ZodType<RequestedSpec>>(schema: S, values: unknown): z.infer<S> {
  const spec = parse(schema, values, { codes: CODES });
  checkEncoding(spec);
  return Object.freeze(checkLevels(spec)) as z.infer<S>;
}

/** The spec that options give. @throws CairnError as `parseOptions`. */
export function parseSpec(values: unknown): RequestedSpec {
  return parseOptions(requestedSpecSchema, values);
}

/** @throws CairnError `option-invalid` for an encoding that does not fit the type of the levels. */
function checkEncoding({ codec, dtype, quality }: RequestedSpec): void {
  if (codec === 'jpeg' && dtype !== 'uint8') {
    throw new CairnError('option-invalid', `codec=jpeg is for dtype=uint8, not for ${dtype}.`);
  }
  if (codec !== 'jpeg' && quality !== DEFAULT_QUALITY) {
    throw new CairnError('option-invalid', `quality is for codec=jpeg, not for ${codec}.`);
  }
}

/** Levels of a model, finest first and without repeats. @throws CairnError for those that it does not have. */
function checkLevels<S extends RequestedSpec>(spec: S): S {
  const model = findModel(spec.model);
  if (!spec.levels) return spec;
  return { ...spec, levels: chooseLevels(model, spec.stage5, spec.levels) };
}

/** The spec with the levels that it means when its weights hold no pyramid: C2 and above. */
export function withBackboneLevels(spec: RequestedSpec): FeatureSpec {
  return Object.freeze({ ...spec, levels: spec.levels ?? chooseLevels(findModel(spec.model), spec.stage5) });
}

/** zod compiles a schema when it first parses: one made at each call would be compiled at each call. */
const describedSpecSchema = featureSpecSchema.strip();

/** The spec that a feature set was made by. */
export function specOf({ levels, ...description }: Description): FeatureSpec {
  // All levels of a set have the same format.
  return describedSpecSchema.parse({ ...levels[0], ...description, levels: levels.map(({ name }) => name) });
}
