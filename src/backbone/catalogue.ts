import { CairnError } from '../errors.js';
import { nearestNames } from '../nearest-names.js';
import { FAMILIES } from './graph/families.js';
import { fpnGraph, isPyramidLevel } from './graph/fpn-graph.js';
import { LEVEL_NAMES, levelsOf, type Graph, type LevelName } from './graph/graph.js';
import type { Normalization } from './graph/normalization.js';
import { resnetGraph, type TopOptions } from './graph/resnet-graph.js';

/** A catalogue entry: a network of one family with the preprocessing it was trained with. */
export interface Model {
  /** `<family>-<architecture>`. */
  readonly name: string;
  readonly family: string;
  readonly architecture: string;
  readonly normalization: Normalization;
}

const CATALOGUE: readonly Model[] = Object.entries(FAMILIES).flatMap(([family, { architectures, normalization }]) =>
  architectures.map((architecture) => ({ name: `${family}-${architecture}`, family, architecture, normalization })),
);

export const DEFAULT_MODEL = 'mask-rcnn-resnet50';
export const DEFAULT_SIZE = 1024;
/** The coarsest level of a ResNet has stride 32: sides are multiples of that. */
export const SIZE_STEP = 32;
export const MIN_SIZE = 64;
export const MAX_SIZE = 4096;

/** All models of the catalogue. */
export function listModels(): readonly Model[] {
  return CATALOGUE;
}

/** @throws CairnError `model-unknown`, with the nearest names. */
export function findModel(name: string): Model {
  const model = CATALOGUE.find((entry) => entry.name === name);
  if (model) return model;
  const near = nearestNames(
    name,
    CATALOGUE.map((entry) => entry.name),
  );
  const hint = near.length > 0 ? `Did you mean ${near.join(' or ')}?` : 'A name is <family>-<architecture>.';
  const where = `docs/models.md and GET /v1/models list all ${CATALOGUE.length}.`;
  throw new CairnError('model-unknown', `There is no model "${name}". ${hint} ${where}`);
}

/** The graph of a model, with or without stage 5 and a top. */
export function modelGraph(model: Model, stage5: boolean, top: TopOptions = {}): Graph {
  return resnetGraph(model.architecture, stage5, { ...top, family: model.family });
}

/**
 * The graph of a model for some levels: with a pyramid where one of them belongs to it.
 *
 * @throws CairnError as `fpnGraph`.
 */
export function graphFor(model: Model, stage5: boolean, levels: readonly string[], top?: TopOptions): Graph {
  const graph = modelGraph(model, stage5, top);
  return levels.some(isPyramidLevel) ? fpnGraph(graph) : graph;
}

/** The levels of a model, with or without stage 5. */
interface Present {
  readonly backbone: readonly LevelName[];
  /** With those of the pyramid, or the error if its graph cannot be built. */
  readonly all: readonly LevelName[] | CairnError;
}

/** Every request needs these, and a graph takes milliseconds to build: cached per entry of the catalogue. */
const PRESENT = new WeakMap<Model, Partial<Record<'true' | 'false', Present>>>();

function presentLevels(model: Model, stage5: boolean): Present {
  const known = PRESENT.get(model) ?? {};
  PRESENT.set(model, known);
  return (known[`${stage5}`] ??= { backbone: levelsOf(modelGraph(model, stage5)), all: withPyramid(model, stage5) });
}

function withPyramid(model: Model, stage5: boolean): Present['all'] {
  try {
    return levelsOf(graphFor(model, stage5, ['P2']));
  } catch (error) {
    if (error instanceof CairnError) return error;
    throw error;
  }
}

/**
 * The levels to compute: first those of the backbone, then those of the pyramid, each finest first, without repeats. By
 * default the backbone levels that a detector reads: C2 and above.
 *
 * @throws CairnError `level-unknown`, or `level-absent` for C5 of a model without stage 5.
 */
export function chooseLevels(model: Model, stage5: boolean, requested?: readonly string[]): LevelName[] {
  const { backbone, all } = presentLevels(model, stage5);
  if (!requested) return backbone.filter((level) => level !== 'C1');
  if (requested.some(isPyramidLevel) && all instanceof CairnError) throw new CairnError(all.code, all.message);
  const present = all instanceof CairnError ? backbone : all;
  for (const name of requested) {
    if (!(LEVEL_NAMES as readonly string[]).includes(name)) {
      throw new CairnError('level-unknown', `There is no level "${name}"; known: ${LEVEL_NAMES.join(', ')}.`);
    }
    if (!(present as string[]).includes(name)) {
      throw new CairnError(
        'level-absent',
        `${name} is made by stage 5, and this job asks for stage5=false; leave ${name} out or turn stage 5 on.`,
      );
    }
  }
  if (requested.length === 0) throw new CairnError('level-unknown', 'The list of levels is empty.');
  return present.filter((level) => requested.includes(level));
}
