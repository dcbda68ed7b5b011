import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CairnError } from '../../errors.js';
import type { Precision } from '../tensor.js';
import { parseSeed } from '../weights/weights.js';
import { parseCalibration, type Calibration } from './calibration.js';

/** Calibrations of seeded weights, which have no file that one could lie beside. */
const OF_SEEDED_WEIGHTS = fileURLToPath(new URL('../../../../calibrations', import.meta.url));

/**
 * Where the calibration of a model's weights may be, the first choice first: beside a weights file under the file's
 * name; for seeded weights in `folder` under the model's name, and then among those that come with Cairn.
 */
export function calibrationPaths(model: string, weights: string, folder: string): string[] {
  const seed = parseSeed(weights);
  if (seed === undefined) {
    const { dir, name } = parse(weights);
    return [join(dir, `${name}.calibration.json`)];
  }
  const file = `${model}.calibration.json`;
  return [join(folder, file), ...(seed === 0 ? [join(OF_SEEDED_WEIGHTS, file)] : [])];
}

/**
 * Path of the calibration that a spec is computed by: integer networks need one. `given` is taken before what lies
 * beside the weights.
 *
 * @throws CairnError `calibration-missing`.
 */
export function findCalibration(
  { model, precision }: { readonly model: string; readonly precision: Precision },
  weights: string,
  folder: string,
  given?: string,
): string | undefined {
  if (precision !== 'int8') return undefined;
  const path = given ?? calibrationPaths(model, weights, folder).find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  throw new CairnError(
    'calibration-missing',
    `precision=int8 needs the ranges of the network's values; \`cairn calibrate ${model} IMAGE…\` measures them.`,
  );
}

/**
 * Reads the calibration at `path`.
 *
 * @throws CairnError `calibration-missing` when there is no such file, else as `parseCalibration`.
 */
export async function loadCalibration(path: string, weightsDigest: string): Promise<Calibration> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CairnError('calibration-missing', `${path} cannot be read.`, { cause });
  });
  return parseCalibration(text, parse(path).base, weightsDigest);
}
