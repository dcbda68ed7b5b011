import { Command } from 'commander';
import { asCairnError, CairnError } from '../errors.js';
import { parseSpec } from '../spec/feature-spec.js';
import { DEFAULT_MODEL, findModel, listModels, modelGraph, type Model } from '../backbone/catalogue.js';
import { matchWeights, showShape, type WeightsMatch } from '../backbone/weights/match-weights.js';
import { loadWeights, openWeights, parseSeed } from '../backbone/weights/weights.js';
import type { WeightsEntry } from '../backbone/weights/weights-reader.js';

interface Flags {
  readonly model?: string;
  readonly stage5?: string;
  readonly json?: boolean;
}

/** How a file meets one model, with or without stage 5. */
interface Candidate {
  readonly model: Model;
  readonly stage5: boolean;
  readonly match: WeightsMatch;
  /** Of the model's parameters, how many the file has in the right shape. */
  readonly share: number;
  readonly fits: boolean;
}

/** A candidate whose values were read. */
interface Verdict extends Candidate {
  /** Only where the values are those of numbers. */
  readonly digest?: string;
  /** Why a file that fits cannot be used: values that are not finite, types that are not read. */
  readonly problem?: CairnError;
}

/** Of the models that a file does not fit, so many are shown: the nearest. */
const NEAR_MISSES = 3;

/** `cairn weights inspect`: what is inside a file of parameters, and whose it is. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('tell what a weights file holds and which models it fits')
    .argument('<file>', 'HDF5, safetensors or npz file, or seeded[:N]')
    .option('--model <name>', 'compare with this model only')
    .option('--stage5 <boolean>', 'compare with models with or without stage 5 only (default: what fits better)')
    .option('--json', 'print JSON')
    .action(inspectWeights);
}

async function inspectWeights(file: string, flags: Flags): Promise<void> {
  // A seed fits every model, so it is shown with one.
  const name = flags.model ?? (parseSeed(file) === undefined ? undefined : DEFAULT_MODEL);
  const models = name === undefined ? listModels() : [findModel(name)];
  const stages = flags.stage5 === undefined ? [true, false] : [parseSpec({ stage5: flags.stage5 }).stage5];
  const reader = await openWeights(file, modelGraph(models[0]!, stages[0]!));
  const { format } = reader;
  const entries = reader.entries();
  await reader.close();

  const candidates = models.map((model) => bestOf(stages.map((stage5) => compare(model, stage5, entries))));
  const ranked = candidates.filter(({ share }) => share > 0 || models.length === 1).sort(byFit);
  const fitting = ranked.filter(({ fits }) => fits);
  const shown: Verdict[] = [];
  for (const one of fitting) shown.push(await readValues(file, one));
  if (fitting.length === 0) shown.push(...ranked.slice(0, NEAR_MISSES));

  if (flags.json) {
    console.log(JSON.stringify({ file, format, tensors: entries.length, models: shown.map(toJson) }, null, 2));
  } else {
    console.log(`${file}: ${format}, ${entries.length} tensors`);
    if (shown.length === 0) console.log(`\nNo model has tensors of these names:\n${namesOf(entries)}`);
    for (const [i, one] of shown.entries()) console.log(`\n${explain(one, i === 0)}`);
  }
  // Naming a model asks whether the file fits it.
  if (flags.model && !shown[0]?.digest) process.exitCode = 1;
}

function compare(model: Model, stage5: boolean, entries: readonly WeightsEntry[]): Candidate {
  const match = matchWeights(modelGraph(model, stage5), entries);
  const { matched, missing, misshaped, surplus } = match;
  const share = matched.length / (matched.length + missing.length + misshaped.length);
  return { model, stage5, match, share, fits: share === 1 && surplus.length === 0 };
}

/** With stage 5, unless the file fits better without it. */
function bestOf(candidates: readonly Candidate[]): Candidate {
  return candidates.find(({ fits }) => fits) ?? candidates.reduce((a, b) => (b.share > a.share ? b : a));
}

/**
 * What fits comes first, then what has most of its parameters in the file, then what uses most of it. Of two
 * families of the same names that comes first whose files usually look like this one.
 */
function byFit(a: Candidate, b: Candidate): number {
  return (
    Number(b.fits) - Number(a.fits) ||
    b.share - a.share ||
    b.match.matched.length - a.match.matched.length ||
    a.match.convention - b.match.convention
  );
}

async function readValues(file: string, candidate: Candidate): Promise<Verdict> {
  try {
    const { digest } = await loadWeights(file, modelGraph(candidate.model, candidate.stage5));
    return { ...candidate, digest };
  } catch (error) {
    return { ...candidate, problem: asCairnError(error) };
  }
}

function toJson({ model, stage5, share, fits, digest, problem, match }: Verdict) {
  const { name, family, architecture } = model;
  const { matched, missing, misshaped, surplus, unusedLayers } = match;
  return {
    model: name,
    family,
    architecture,
    stage5,
    fits,
    digest,
    problem: problem && { code: problem.code, message: problem.message },
    matched: matched.length,
    share,
    missing,
    misshaped,
    surplus: surplus.map(({ path }) => path),
    unusedLayers,
  };
}

/** Long lists are cut for a person; `--json` has them whole. */
const SHOWN = 10;

function list(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const more = items.length > SHOWN ? ['    …'] : [];
  return [`  ${title} (${items.length}):`, ...items.slice(0, SHOWN).map((item) => `    ${item}`), ...more];
}

function namesOf(entries: readonly WeightsEntry[]): string {
  return list(
    'tensors',
    entries.map(({ path, shape, dtype }) => `${path} ${showShape(shape)} ${dtype}`),
  ).join('\n');
}

/** One line for each model; all that differs for the best. */
function explain({ model, stage5, share, fits, digest, problem, match }: Verdict, whole: boolean): string {
  const { matched, missing, misshaped, surplus, unusedLayers } = match;
  const name = `${model.name}${stage5 ? '' : ' without stage 5'}`;
  const percent = `${Math.floor(100 * share)} % of its parameters match`;
  const verdict = digest
    ? `fits, digest ${digest}`
    : fits
      ? 'fits by its names and shapes'
      : `does not fit, ${percent}`;
  const head = `${name}: ${verdict}${problem ? `\n  ${problem.message} [${problem.code}]` : ''}`;
  if (!whole) return head;
  return [
    head,
    `  matched: ${matched.length} tensors`,
    ...list(
      'missing',
      missing.map(({ path, expected }) => `${path} ${showShape(expected)}`),
    ),
    ...list(
      'of another shape',
      misshaped.map(({ path, found, expected }) => `${path} ${showShape(found)}, expected ${showShape(expected)}`),
    ),
    ...list(
      'of another network',
      surplus.map(({ path }) => path),
    ),
    ...list('layers not used', unusedLayers),
  ].join('\n');
}
