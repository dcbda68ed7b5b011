import { Command } from 'commander';
import { parseFeatureOptions } from '../backbone/feature-request.js';
import { findModel, listModels, modelGraph, type Model } from '../backbone/models.js';
import { matchWeights, showShape, type WeightsMatch } from '../backbone/weights/match-weights.js';
import { loadWeights, openWeights } from '../backbone/weights/weights.js';
import type { WeightsEntry } from '../backbone/weights/weights-reader.js';

interface Flags {
  readonly model?: string;
  readonly stage5: string;
  readonly json?: boolean;
}

interface Fit {
  readonly model: string;
  readonly fits: boolean;
  /** Of the parameters that the model uses; only where all of them fit. */
  readonly digest?: string;
  readonly match: WeightsMatch;
}

/** `cairn weights inspect`: what is inside a file of parameters. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('tell what a weights file holds and which models it fits')
    .argument('<file>', 'HDF5 or safetensors file, or seeded[:N]')
    .option('--model <name>', 'compare with this model only')
    .option('--stage5 <boolean>', 'compare with models without stage 5 when false', 'true')
    .option('--json', 'print JSON')
    .action(inspectWeights);
}

async function inspectWeights(file: string, flags: Flags): Promise<void> {
  const { stage5 } = parseFeatureOptions({ stage5: flags.stage5 });
  const models = flags.model ? [findModel(flags.model)] : listModels();
  const reader = await openWeights(file, modelGraph(models[0]!, stage5));
  const { format } = reader;
  const entries = reader.entries();
  await reader.close();

  const fits: Fit[] = [];
  for (const model of models) fits.push(await fit(file, model, stage5, entries));
  const layers = new Set(entries.map(({ path }) => path.replace(/[/.][^/.]*$/, ''))).size;
  if (flags.json) {
    console.log(JSON.stringify({ file, format, layers, tensors: entries.length, models: fits.map(toJson) }, null, 2));
  } else {
    console.log(`${file}: ${format}, ${entries.length} tensors in ${layers} layers`);
    for (const one of fits) console.log(`\n${explain(one)}`);
  }
  // Naming a model asks whether the file fits it.
  if (flags.model && !fits[0]!.fits) process.exitCode = 1;
}

async function fit(file: string, model: Model, stage5: boolean, entries: readonly WeightsEntry[]): Promise<Fit> {
  const graph = modelGraph(model, stage5);
  const match = matchWeights(graph, entries);
  const fits = match.missing.length === 0 && match.misshaped.length === 0;
  return { model: model.name, fits, match, ...(fits && { digest: (await loadWeights(file, graph)).digest }) };
}

function toJson({ model, fits, digest, match }: Fit) {
  const { matched, missing, misshaped, unusedLayers } = match;
  return { model, fits, digest, matched: matched.length, missing, misshaped, unusedLayers };
}

/** Long lists are cut for a person; `--json` has them whole. */
const SHOWN = 10;

function explain({ model, fits, digest, match }: Fit): string {
  const { matched, missing, misshaped, unusedLayers } = match;
  const list = (title: string, items: readonly string[]) =>
    items.length === 0
      ? []
      : [
          `  ${title} (${items.length}):`,
          ...items.slice(0, SHOWN).map((item) => `    ${item}`),
          ...(items.length > SHOWN ? ['    …'] : []),
        ];
  return [
    `${model}: ${fits ? `fits, digest ${digest}` : 'does not fit'}`,
    `  matched: ${matched.length} tensors`,
    ...list(
      'missing',
      missing.map((one) => `${one.layer}/${one.parameter} ${showShape(one.shape)}`),
    ),
    ...list(
      'of another shape',
      misshaped.map((one) => `${one.layer}/${one.parameter} ${showShape(one.found)}, expected ${showShape(one.shape)}`),
    ),
    ...list('layers not used', unusedLayers),
  ].join('\n');
}
