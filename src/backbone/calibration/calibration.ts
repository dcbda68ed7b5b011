import { createHash } from 'node:crypto';
import { z } from 'zod';
import { CairnError } from '../../errors.js';
import { sha256Schema } from '../../formats/sha256.js';
import { LEVEL_NAMES } from '../graph/graph.js';

/** How the range of a value was chosen. */
export const METHODS = ['minmax', 'percentile-99.999', 'percentile-99.99', 'percentile-99.9', 'mse'] as const;
export type Method = (typeof METHODS)[number];

const rangeSchema = z
  .strictObject({ min: z.number(), max: z.number(), method: z.enum(METHODS) })
  .refine(({ min, max }) => min <= max, 'min is above max');

/** What the integer network lost on the images held out, level by level. */
export const levelErrorSchema = z.strictObject({
  level: z.enum(LEVEL_NAMES),
  /** Of the angle between the maps as vectors, the least of all images. */
  cosine: z.number(),
  /** Signal to noise ratio in dB, the least of all images; null where nothing was lost. */
  snrDb: z.number().nullable(),
  /** Largest absolute error of an element, as a share of the map's largest magnitude. */
  maxAbs: z.number(),
});
export type LevelError = z.infer<typeof levelErrorSchema>;

/** The file `<model>.calibration.json`, beside the weights it belongs to. */
export const calibrationSchema = z.strictObject({
  format: z.literal('cairn-calibration-v1'),
  model: z.string(),
  /** SHA-256 over the parameters, as in feature sets: one for each part of the network that the ranges cover. */
  weightsDigests: z.array(sha256Schema).min(1).max(4),
  /** Side of the canvases in pixels. */
  size: z.int().positive(),
  levels: z.array(z.enum(LEVEL_NAMES)).min(1),
  /** Images that the ranges come from; `measured` is of the first `heldOut`, by ranges from the others. */
  images: z.strictObject({ count: z.int().positive(), heldOut: z.int().nonnegative() }),
  /** By the name of the value. */
  ranges: z.record(z.string(), rangeSchema),
  measured: z.array(levelErrorSchema),
});
export type CalibrationFile = z.infer<typeof calibrationSchema>;

/** Ranges of a network's values, as sessions and feature ids need them. */
export interface Calibration {
  readonly ranges: Readonly<Record<string, readonly [min: number, max: number]>>;
  /** SHA-256 over the ranges: what else the file says does not change the features. */
  readonly digest: string;
}

/**
 * Reads the text of a calibration file.
 *
 * @throws CairnError `calibration-invalid` when it is damaged, `calibration-mismatch` when it is of other weights.
 */
export function parseCalibration(text: string, name: string, weightsDigest: string): Calibration {
  const file = parseFile(text, name);
  if (!file.weightsDigests.includes(weightsDigest)) {
    throw new CairnError(
      'calibration-mismatch',
      `${name} was made for other weights (digest ${file.weightsDigests[0]}, these have ${weightsDigest}); ` +
        `run \`cairn calibrate ${file.model}\` again.`,
    );
  }
  const ranges = Object.entries(file.ranges).map(([value, { min, max }]) => [value, [min, max]] as const);
  const sorted = ranges.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    ranges: Object.fromEntries(ranges),
    digest: createHash('sha256').update(JSON.stringify(sorted)).digest('hex'),
  };
}

function parseFile(text: string, name: string): CalibrationFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CairnError('calibration-invalid', `${name} is not JSON: it may be truncated.`, { cause });
  }
  const { success, data, error } = calibrationSchema.safeParse(value);
  if (success) return data;
  const { path, message } = error.issues[0]!;
  throw new CairnError('calibration-invalid', `${name} is not a calibration file: ${path.join('.')}: ${message}.`);
}
