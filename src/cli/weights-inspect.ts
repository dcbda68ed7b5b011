import { Command } from 'commander';
import { asCairnError, CairnError } from '../errors.js';
import { matchPyramid, pyramidOf } from '../spec/default-levels.js';
import { parseSpec } from '../spec/feature-spec.js';
import { DEFAULT_MODEL, DEFAULT_SIZE, findModel, listModels, modelGraph, type Model } from '../backbone/catalogue.js';
import { FAMILIES, type Family, type FamilyName } from '../backbone/graph/families.js';
import { isPyramidLevel } from '../backbone/graph/fpn-graph.js';
import { levelsOf } from '../backbone/graph/graph.js';
import { matchWeights, showShape, type WeightsMatch } from '../backbone/weights/match-weights.js';
import { loadWeights, openWeights, parseSeed } from '../backbone/weights/weights.js';
import type { WeightsEntry } from '../backbone/weights/weights-reader.js';
import { printable, printableJson } from '../printable.js';
import { addNoStage5 } from './flags.js';
import { describeError } from './output.js';

interface Flags {
  readonly model?: string;
  readonly stage5?: string;
  readonly json?: boolean;
}

/** A file compared with one model, with or without stage 5. */
interface Candidate {
  readonly model: Model;
  readonly stage5: boolean;
  readonly match: WeightsMatch;
  /** The share of the model's parameters that the file has in the right shape. */
  readonly share: number;
  readonly fits: boolean;
}

/** The feature pyramid that a file may hold beside the backbone. */
type Pyramid = ReturnType<typeof matchPyramid> & {
  readonly levels: readonly string[];
  /** Names of its convolutions, the 1×1 of the coarsest level first. */
  readonly layers: readonly string[];
};

/** A candidate whose values were read. */
interface Verdict extends Candidate {
  /** Undefined where the model cannot have one. */
  readonly pyramid?: Pyramid;
  /** Only where all values are finite. */
  readonly digest?: string;
  /** Why a file that fits cannot be used: values that are not finite, unsupported types. */
  readonly problem?: CairnError;
}

/** If a file fits no model, the nearest are shown. */
const NEAR_MISSES = 3;

/** `cairn weights inspect`: the contents of a weights file, and the models it fits. */
export function inspectCommand(): Command {
  return addNoStage5(
    new Command('inspect').option(
      '--stage5 <boolean>',
      'compare with or without stage 5 only (default: the better fit)',
    ),
  )
    .description('print what a weights file holds, which models it fits, and whether it has a feature pyramid')
    .argument('<file>', 'HDF5, safetensors, npz, PyTorch or pickle file, or seeded[:N]')
    .option('--model <name>', 'compare with this model only')
    .option('--json', 'print JSON')
    .action(inspectWeights);
}

async function inspectWeights(file: string, flags: Flags): Promise<void> {
  // A seed fits every model, so it is shown with one.
  const name = flags.model ?? (parseSeed(file) === undefined ? undefined : DEFAULT_MODEL);
  const models = name === undefined ? listModels() : [findModel(name)];
  const stages = flags.stage5 === undefined ? [true, false] : [parseSpec({ stage5: flags.stage5 }).stage5];
  const reader = await openWeights(file, modelGraph(models[0]!, stages[0]!));
  const { format, within } = reader;
  const entries = reader.entries();
  await reader.close();

  const candidates = models.map((model) => bestOf(stages.map((stage5) => compare(model, stage5, entries))));
  const ranked = candidates.filter(({ share }) => share > 0 || models.length === 1).sort(byFit);
  const fitting = ranked.filter(({ fits }) => fits);
  const shown: Verdict[] = [];
  for (const one of fitting) {
    const pyramid = parseSeed(file) === undefined && one.stage5 ? pyramidIn(entries, one.model) : undefined;
    shown.push(await readValues(file, { ...one, pyramid }));
  }
  shown.sort((a, b) => Number(isWhole(b.pyramid)) - Number(isWhole(a.pyramid)) || byEpsilon(a, b));
  if (fitting.length === 0) shown.push(...ranked.slice(0, NEAR_MISSES));

  const recommended = fitting.length > 0 ? shown[0]!.model.name : undefined;
  if (flags.json) {
    console.log(
      printableJson({ file, format, within, tensors: entries.length, recommended, models: shown.map(toJson) }, 2),
    );
  } else {
    const where = within === undefined ? '' : ` in ${printable(within)}`;
    console.log(`${printable(file)}: ${format}, ${entries.length} tensors${where}`);
    if (shown.length === 0) console.log(`\nNo model has tensors of these names:\n${namesOf(entries)}`);
    for (const [i, one] of shown.entries()) console.log(`\n${explain(one, i === 0)}`);
    if (fitting.length > 0) console.log(`\n${recommend(shown)}`);
  }
  // With --model the question is whether the file fits it.
  if (flags.model && !shown[0]?.digest) process.exitCode = 1;
}

function compare(model: Model, stage5: boolean, entries: readonly WeightsEntry[]): Candidate {
  const match = matchWeights(modelGraph(model, stage5), entries);
  const { matched, missing, misshaped, surplus } = match;
  const share = matched.length / (matched.length + missing.length + misshaped.length);
  return { model, stage5, match, share, fits: share === 1 && surplus.length === 0 };
}

/** With stage 5, unless the file fits better without. */
function bestOf(candidates: readonly Candidate[]): Candidate {
  return candidates.find(({ fits }) => fits) ?? candidates.reduce((a, b) => (b.share > a.share ? b : a));
}

/**
 * Models that fit come first, then those with the largest share of their parameters in the file, then those that
 * use most of it. Between two families with the same names, the one whose usual files look like this one.
 */
function byFit(a: Candidate, b: Candidate): number {
  return (
    Number(b.fits) - Number(a.fits) ||
    b.share - a.share ||
    b.match.matched.length - a.match.matched.length ||
    a.match.convention - b.match.convention
  );
}

/** Undefined where the model's strides or maps do not allow a pyramid. */
function pyramidIn(entries: readonly WeightsEntry[], { name }: Model): Pyramid | undefined {
  const graph = pyramidOf({ model: name, stage5: true, size: DEFAULT_SIZE });
  if (!graph) return undefined;
  const layers = graph.nodes.filter(({ op, block }) => op === 'conv2d' && block === 'fpn').map((node) => node.name);
  return { levels: levelsOf(graph).filter(isPyramidLevel), layers, ...matchPyramid(graph, entries) };
}

function isWhole(pyramid: Pyramid | undefined): pyramid is Pyramid {
  return pyramid !== undefined && pyramid.matched === pyramid.total;
}

/**
 * torchvision's first detection weights (epsilon 0) come with a plain pyramid. Newer ones have norms in theirs, so
 * that only a part of it matches; for those the family with an epsilon comes first.
 */
function byEpsilon(a: Verdict, b: Verdict): number {
  const partial = (pyramid?: Pyramid) => pyramid !== undefined && pyramid.matched > 0 && !isWhole(pyramid);
  return partial(a.pyramid) ? Number(epsilonOf(a) === 0) - Number(epsilonOf(b) === 0) : 0;
}

function epsilonOf({ model }: Candidate): number {
  return FAMILIES[model.family as FamilyName].epsilon;
}

async function readValues(file: string, candidate: Verdict): Promise<Verdict> {
  try {
    const { digest } = await loadWeights(file, modelGraph(candidate.model, candidate.stage5));
    return { ...candidate, digest };
  } catch (error) {
    return { ...candidate, problem: asCairnError(error) };
  }
}

function toJson({ model, stage5, share, fits, digest, problem, match, pyramid }: Verdict) {
  const { name, family, architecture } = model;
  const { matched, missing, misshaped, surplus } = match;
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
    /** The levels that the server and `extract` compute from this file by default; none without a pyramid. */
    pyramid: isWhole(pyramid) ? pyramid.levels : [],
    pyramidLayers: isWhole(pyramid) ? pyramid.layers : [],
    pyramidNorm: isWhole(pyramid) ? normOf(family) : undefined,
    unusedLayers: isWhole(pyramid) ? pyramid.unusedLayers : match.unusedLayers,
  };
}

/** Long lists are cut for a person; `--json` prints them whole. */
const SHOWN = 10;

function list<T>(title: string, items: readonly T[], show: (item: T) => string): string[] {
  if (items.length === 0) return [];
  const more = items.length > SHOWN ? ['    …'] : [];
  return [
    `  ${title} (${items.length}):`,
    ...items.slice(0, SHOWN).map((item) => `    ${printable(show(item))}`),
    ...more,
  ];
}

function namesOf(entries: readonly WeightsEntry[]): string {
  return list('tensors', entries, ({ path, shape, dtype }) => `${path} ${showShape(shape)} ${dtype}`).join('\n');
}

/** One line per model; the differences for the best one only. */
function explain({ model, stage5, share, fits, digest, problem, match, pyramid }: Verdict, whole: boolean): string {
  const { matched, missing, misshaped, surplus } = match;
  const name = `${model.name}${stage5 ? '' : ' without stage 5'}`;
  const percent = `${Math.floor(100 * share)} % of its parameters match`;
  const verdict = digest ? `fits, digest ${digest}` : fits ? 'fits by names and shapes' : `does not fit, ${percent}`;
  const head = `${name}: ${verdict}${problem ? `\n  ${describeError(problem)}` : ''}`;
  if (!whole) return head;
  return [
    head,
    `  matched: ${matched.length} tensors`,
    ...(fits ? [`  feature pyramid: ${explainPyramid(model, pyramid)}`] : []),
    ...list('missing', missing, ({ path, expected }) => `${path} ${showShape(expected)}`),
    ...list('with another shape', misshaped, ({ path, found, expected }) => {
      return `${path} ${showShape(found)}, expected ${showShape(expected)}`;
    }),
    ...list('from another network', surplus, ({ path }) => path),
    ...list('other layers, ignored', isWhole(pyramid) ? pyramid.unusedLayers : match.unusedLayers, (layer) => layer),
  ].join('\n');
}

function normOf(family: string) {
  return FAMILIES[family as FamilyName].fpnNorm;
}

function explainPyramid({ family }: Model, pyramid: Pyramid | undefined): string {
  const otherwise = '`extract` and the server compute C levels from this file';
  if (!pyramid || pyramid.matched === 0) return `none; ${otherwise}`;
  const { levels, layers, matched, total } = pyramid;
  if (!isWhole(pyramid)) return `not supported (${matched} of its ${total} parameters match); ${otherwise}`;
  const norm = normOf(family);
  const norms = norm === 'none' ? '' : ` with ${norm} norms`;
  const use = `\`extract\` and the server compute ${levels[0]}–${levels.at(-1)} from this file unless told otherwise`;
  return `yes, of ${layers[0]} … ${layers.at(-1)}${norms}; ${use}`;
}

/** Which of the models that fit to take, and why not another. */
function recommend([best, ...others]: readonly Verdict[]): string {
  const { model, pyramid } = best!;
  const reasons = others.map((other) => differenceOf(best!, other)).filter((reason) => reason !== undefined);
  const norm =
    isWhole(pyramid) && others.some((other) => !isWhole(other.pyramid)) ? ['it has the pyramid of the file'] : [];
  const because = [...norm, ...new Set(reasons)].join('; ');
  return `Use --model ${model.name}${because && `: ${because}`} (docs/models.md).`;
}

/** What tells two models with the same tensors apart. */
function differenceOf(best: Verdict, other: Verdict): string | undefined {
  const [one, two] = [best, other].map(({ model }) => FAMILIES[model.family as FamilyName]) as [Family, Family];
  if (one.epsilon !== two.epsilon) {
    return `its batch norms have epsilon ${one.epsilon}, ${other.model.name} has ${two.epsilon}`;
  }
  const where = { first: 'the first 1×1', middle: 'the 3×3' };
  if (one.strideOn !== two.strideOn) {
    return `its blocks have stride 2 on ${where[one.strideOn]}, ${other.model.name} on ${where[two.strideOn]}`;
  }
  return undefined;
}
