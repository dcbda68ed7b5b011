import { listModels } from '../backbone/catalogue.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { publishedFor } from '../backbone/weights/published.js';
import { isSeeded, weightsSource } from '../backbone/weights/weights.js';
import { type Config } from '../config/config.js';
import { Logger } from '../logger.js';
import { defaultModel, RECOMMENDED_MODEL } from '../spec/default-model.js';

/** Logs which weights the models use, with a warning where they are not trained. */
export async function logWeights({ weightsDir }: Config, logger: Logger): Promise<void> {
  let seeded = 0;
  for (const { name } of listModels()) {
    const source = weightsSource(await defaultWeights(name, weightsDir));
    if (isSeeded(source)) seeded++;
    else logger.log(`${name} runs on ${source}`);
  }
  const model = defaultModel();
  const source = weightsSource(await defaultWeights(model, weightsDir));
  logger.log(
    `requests that name no model run ${model} on ${source}; ${seeded} of ${listModels().length} models are seeded`,
  );
  if (!isSeeded(source)) return;
  const [published] = publishedFor(RECOMMENDED_MODEL);
  logger.warn(
    `SEEDED weights have learned nothing: \`npm run cairn -- weights pull ${published!.name}\` gets a detector's, which are ` +
      'the default after a restart, and docs/weights.md says how to use your own',
  );
}
