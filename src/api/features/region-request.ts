import { z } from 'zod';
import { CairnError } from '../../errors.js';
import {
  BOX_FORMATS,
  COORDINATES,
  DEFAULT_FORMAT,
  ROI_METHODS,
  type BoxFormat,
  type Coordinates,
  type RoiMethod,
} from '../../features/roi-align/boxes.js';
import type { RoiOptions } from '../../features/roi-align/region-reader.js';

export const MAX_BOXES = 10_000;
/** Bins of a region along each axis. */
export const MAX_OUTPUT_SIDE = 64;
/** Samples of a bin along each axis. */
export const MAX_SAMPLING_RATIO = 16;

/** Side of a region where nothing is said: that of every project's box head. */
const DEFAULT_OUTPUT_SIDE = 7;
/** As each project configures its heads; 0 takes as many samples as a bin has cells. */
const DEFAULT_SAMPLING_RATIO: Readonly<Record<RoiMethod, number>> = { matterport: 1, detectron2: 0, torchvision: 2 };

/** Regions that a client asks for; boxes are still as it told them. */
export interface RegionRequest extends RoiOptions {
  readonly boxes: readonly (readonly number[])[];
  readonly coordinates: Coordinates;
  readonly format: BoxFormat;
  /** Names of levels; those that heads read where nothing is said. */
  readonly levels: readonly string[] | undefined;
}

const SIDES = `a whole number from 1 to ${MAX_OUTPUT_SIDE}, or [height, width] of such`;
const SAMPLES = `a whole number from 0 to ${MAX_SAMPLING_RATIO}`;
const side = z.int(SIDES).min(1, SIDES).max(MAX_OUTPUT_SIDE, SIDES);

const schema = z.strictObject({
  boxes: z
    .array(z.tuple([z.number(), z.number(), z.number(), z.number()], 'a box is four numbers'), 'a list of boxes')
    .max(MAX_BOXES, `at most ${MAX_BOXES} boxes at once`),
  coordinates: z.enum(COORDINATES).default('pixel'),
  format: z.enum(BOX_FORMATS).optional(),
  method: z.enum(ROI_METHODS).default('matterport'),
  outputSize: z.union([side, z.tuple([side, side])], SIDES).default(DEFAULT_OUTPUT_SIDE),
  samplingRatio: z.int(SAMPLES).min(0, SAMPLES).max(MAX_SAMPLING_RATIO, SAMPLES).optional(),
  levels: z.array(z.string(), 'a list of names').min(1).optional(),
});

/**
 * Reads the body of a request for regions.
 *
 * @throws CairnError `request-malformed` unless it is a JSON object, else `option-unknown` or `option-invalid`.
 */
export function parseRegionRequest(body: unknown): RegionRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new CairnError('request-malformed', 'The body must be JSON, {"boxes": [[y0, x0, y1, x1], …], …}.');
  }
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw refusal(parsed.error.issues[0]!);
  const { boxes, coordinates, method, outputSize, levels, ...rest } = parsed.data;
  if (method === 'matterport' && rest.samplingRatio !== undefined) {
    throw new CairnError(
      'option-invalid',
      'samplingRatio is for detectron2 and torchvision: matterport takes one sample.',
    );
  }
  return {
    boxes,
    coordinates,
    method,
    levels,
    format: rest.format ?? DEFAULT_FORMAT[method],
    outputSize: typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize,
    samplingRatio: rest.samplingRatio ?? DEFAULT_SAMPLING_RATIO[method],
  };
}

function refusal(issue: z.core.$ZodIssue): CairnError {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape).join(', ');
    return new CairnError('option-unknown', `There is no option "${issue.keys[0]}"; known are ${known}.`);
  }
  const where = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : String(part))).join('');
  return new CairnError('option-invalid', `${where}: ${issue.message}.`);
}
