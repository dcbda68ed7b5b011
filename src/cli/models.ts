import { basename } from 'node:path';
import { Command } from 'commander';
import { DEFAULT_SIZE, listModels, type Model } from '../backbone/catalogue.js';
import { describeModel } from '../backbone/describe-model.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { publishedFor } from '../backbone/weights/published.js';
import { isSeeded } from '../backbone/weights/weights.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { formatTable, print } from './output.js';

const LEGEND = `
P2–P6 need weights with a feature pyramid. "pull …-coco": no file yet, and
\`cairn weights pull MODEL-coco\` downloads one (\`cairn weights list\` has all).
"–": no file yet, and none to download; docs/weights.md says which files of
your own are read. Without a file, weights are seeded.`;

/** `cairn models`: the catalogue. */
export function modelsCommand(): Command {
  return new Command('models')
    .description('list the models: their levels, and the weights they run on')
    .option('--json', 'print JSON')
    .action(printModels);
}

async function printModels(flags: { readonly json?: boolean }): Promise<void> {
  const { weightsDir } = loadConfig(readEnv());
  const models = await Promise.all(listModels().map((model) => describe(model, weightsDir)));
  const rows = models.map(({ name, levels, weights, published }) => {
    const toPull = published[0] ? `pull …${published[0].slice(name.length)}` : '–';
    const source = isSeeded(weights) ? toPull : basename(weights);
    return [name, levels.includes('P2') ? 'C1–C5 P2–P6' : 'C1–C5', source];
  });
  print(models, flags, () => `${formatTable(['model', 'levels', 'weights'], rows)}\n${LEGEND}`);
}

async function describe(model: Model, weightsDir: string) {
  const { name, family, architecture } = model;
  const { levels, pyramid } = describeModel(model, true, DEFAULT_SIZE);
  return {
    name,
    family,
    architecture,
    levels: [...levels, ...(pyramid?.levels ?? [])].map((level) => level.name),
    weights: await defaultWeights(name, weightsDir),
    published: publishedFor(name).map((entry) => entry.name),
  };
}
