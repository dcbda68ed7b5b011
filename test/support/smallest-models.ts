import { listModels, type Model } from '../../src/backbone/catalogue.js';

/** One model of every family, the one with the fewest layers. */
export function smallestOfEachFamily(): Model[] {
  const models = listModels();
  return models.filter(({ family }, i) => models.findIndex((model) => model.family === family) === i);
}
