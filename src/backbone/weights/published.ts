import { extname, join } from 'node:path';
import { CairnError } from '../../errors.js';
import { DETECTRON2_WEIGHTS } from './published/detectron2.js';
import { KERAS_WEIGHTS } from './published/keras.js';
import type { PublishedWeights } from './published/published-weights.js';
import { TIMM_WEIGHTS } from './published/timm.js';
import { TORCHVISION_WEIGHTS } from './published/torchvision.js';

export type { PublishedWeights } from './published/published-weights.js';

const PUBLISHED: readonly PublishedWeights[] = [
  ...KERAS_WEIGHTS,
  ...TORCHVISION_WEIGHTS,
  ...DETECTRON2_WEIGHTS,
  ...TIMM_WEIGHTS,
];

export function listPublished(): readonly PublishedWeights[] {
  return PUBLISHED;
}

/** @throws CairnError `weights-unknown`, listing the names. */
export function findPublished(name: string): PublishedWeights {
  const entry = PUBLISHED.find((one) => one.name === name);
  if (entry) return entry;
  const known = PUBLISHED.map((one) => one.name).join(', ');
  throw new CairnError('weights-unknown', `There are no published weights "${name}"; known: ${known}.`);
}

/** The published files of a model, those with the classifier first: they serve every use of the others. */
export function publishedFor(model: string): PublishedWeights[] {
  const entries = PUBLISHED.filter((entry) => entry.model === model);
  return [...entries.filter((entry) => entry.includesTop), ...entries.filter((entry) => !entry.includesTop)];
}

/** The file's name here and on a mirror: publishers give the same name to different files. */
export function publishedFile({ name, url }: Pick<PublishedWeights, 'name' | 'url'>): string {
  return name + extname(url);
}

/** Path of a downloaded file. */
export function publishedPath(entry: Pick<PublishedWeights, 'name' | 'url'>, folder: string): string {
  return join(folder, publishedFile(entry));
}
