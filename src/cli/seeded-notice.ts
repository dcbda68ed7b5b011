import { isSeeded } from '../backbone/weights/weights.js';

/** Says on stderr that a model runs on weights that nobody trained. */
export function warnOfSeededWeights(model: string, source: string): void {
  if (!isSeeded(source)) return;
  console.error(`cairn: ${model} runs on seeded weights: real arithmetic, but nothing was learned`);
}
