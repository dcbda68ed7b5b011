import { DEFAULT_MODEL, findModel, listModels } from '../backbone/catalogue.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { isSeeded } from '../backbone/weights/weights.js';

/**
 * The order in which models with weights are taken: detectors by the box AP on COCO that their publishers state (47.4, 42.9,
 * 42.6, 41.9, 41.0; 37.9 for the last), with Matterport's, which states none, before the last; then the others as the
 * catalogue has them.
 */
const PREFERRED = [
  'torchvision-detection-v2-resnet50',
  'detectron2-resnet101',
  'detectron2-gn-resnet50',
  'detectron2-bn-resnet50',
  'detectron2-resnet50',
  'mask-rcnn-resnet101',
  'torchvision-detection-resnet50',
] as const;

/** The model whose weights `npm start` recommends. */
export const RECOMMENDED_MODEL: string = PREFERRED[0];

let inUse: string = DEFAULT_MODEL;

/** The model of requests that name none, in this process. */
export function defaultModel(): string {
  return inUse;
}

/** Sets it, once, before the first request: what has no weights at the start stays what it was until the next. */
export function useDefaultModel(name: string): void {
  inUse = findModel(name).name;
}

/**
 * The model of requests that name none: the configured one, else the best one that has weights in `folder`, else
 * `DEFAULT_MODEL` with seeded weights.
 *
 * @throws CairnError `model-unknown`.
 */
export async function chooseDefaultModel(configured: string | undefined, folder: string): Promise<string> {
  if (configured !== undefined) return findModel(configured).name;
  const names = new Set([...PREFERRED, ...listModels().map(({ name }) => name)]);
  for (const name of names) {
    if (!isSeeded(await defaultWeights(name, folder))) return name;
  }
  return DEFAULT_MODEL;
}
