import { CairnError } from '../errors.js';
import type { LevelName } from '../backbone/graph/graph.js';
import {
  chooseLevels,
  DEFAULT_MODEL,
  DEFAULT_SIZE,
  findModel,
  MAX_SIZE,
  MIN_SIZE,
  graphFor,
  SIZE_STEP,
  type Model,
} from '../backbone/catalogue.js';
import { DTYPES, PRECISIONS, type Dtype, type Precision } from '../backbone/tensor.js';

/** Which features of an image are wanted. */
export interface FeatureRequest {
  readonly model: Model;
  readonly stage5: boolean;
  /** Finest first. */
  readonly levels: readonly LevelName[];
  /** Nothing was asked: where the weights hold a pyramid, its levels are meant; see `preferPyramid`. */
  readonly levelsByDefault: boolean;
  readonly dtype: Dtype;
  /** What the network computes in. */
  readonly precision: Precision;
  /** Side of the canvas in pixels. */
  readonly size: number;
}

/** What a user may say about the features wanted, as text: options of a command or fields of a request. */
export interface FeatureOptions {
  readonly model?: string | undefined;
  /** Comma-separated level names. */
  readonly levels?: string | undefined;
  readonly dtype?: string | undefined;
  readonly precision?: string | undefined;
  readonly size?: string | undefined;
  readonly stage5?: string | undefined;
}

/**
 * Checks the options and fills in the defaults; only the weights remain to be chosen.
 *
 * @throws CairnError `model-unknown`, `level-unknown`, `level-absent`, `dtype-unknown` or `option-invalid`.
 */
export function parseFeatureOptions(options: FeatureOptions): FeatureRequest {
  const model = findModel(options.model ?? DEFAULT_MODEL);
  const stage5 = parseBoolean('stage5', options.stage5 ?? 'true');
  const asked = options.levels?.split(',').map((name) => name.trim());
  const levels = chooseLevels(graphFor(model, stage5, asked ?? []), asked);
  const dtype = parseDtype(options.dtype ?? 'float16');
  const precision = parsePrecision(options.precision ?? 'float32');
  return {
    model,
    stage5,
    levels,
    levelsByDefault: asked === undefined,
    dtype,
    precision,
    size: parseSize(options.size),
  };
}

function parseDtype(dtype: string): Dtype {
  if ((DTYPES as readonly string[]).includes(dtype)) return dtype as Dtype;
  throw new CairnError('dtype-unknown', `There is no dtype "${dtype}"; known are ${DTYPES.join(', ')}.`);
}

function parsePrecision(precision: string): Precision {
  if ((PRECISIONS as readonly string[]).includes(precision)) return precision as Precision;
  throw new CairnError('option-invalid', `precision must be ${PRECISIONS.join(' or ')}, not "${precision}".`);
}

function parseSize(text: string | undefined): number {
  const size = text === undefined ? DEFAULT_SIZE : /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (size >= MIN_SIZE && size <= MAX_SIZE && size % SIZE_STEP === 0) return size;
  throw new CairnError(
    'option-invalid',
    `size must be a multiple of ${SIZE_STEP} from ${MIN_SIZE} to ${MAX_SIZE}, not "${text}".`,
  );
}

function parseBoolean(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new CairnError('option-invalid', `${name} must be true or false, not "${text}".`);
}
