import { CairnError } from '../errors.js';
import { fpnGraph, isPyramidLevel } from './graph/fpn-graph.js';
import { levelsOf, type Graph } from './graph/graph.js';
import { inferShapes } from './graph/shapes.js';
import type { TopOptions } from './graph/resnet-graph.js';
import { summarize, type GraphSummary } from './graph/summary.js';
import { modelGraph, type Model } from './catalogue.js';
import type { Normalization } from './graph/normalization.js';

/** The parameters, cost and levels of a catalogue entry, for a canvas of `size` × `size` pixels. */
export interface ModelDescription {
  readonly name: string;
  readonly family: string;
  readonly architecture: string;
  readonly stage5: boolean;
  readonly size: number;
  readonly normalization: Normalization;
  readonly parameters: GraphSummary['parameters'];
  /** Multiply-adds of one image, in units of 10⁹. */
  readonly gmacs: number;
  readonly levels: readonly LevelSummary[];
  /** The feature pyramid: its levels, and what it adds; null where the strides of the C levels do not allow one. */
  readonly pyramid: {
    readonly parameters: number;
    readonly gmacs: number;
    readonly levels: readonly LevelSummary[];
  } | null;
}

/** `shape` is `[height, width, channels]`; `node` is the layer whose output the level is. */
export interface LevelSummary {
  readonly name: string;
  readonly shape: readonly number[];
  readonly stride: number;
  readonly channels: number;
  readonly node: string;
}

/** Every page of the catalogue shows them, and each takes milliseconds to compute: cached per entry of the catalogue. */
const KNOWN = new WeakMap<Model, Map<string, ModelDescription>>();

/** As `describeModel` without a top, computed once per size; sizes are multiples of 32 up to 4096, so there are few. */
export function knownModel(model: Model, stage5: boolean, size: number): ModelDescription {
  const known = KNOWN.get(model) ?? new Map<string, ModelDescription>();
  KNOWN.set(model, known);
  const key = `${stage5} ${size}`;
  const description = known.get(key) ?? describeModel(model, stage5, size);
  known.set(key, description);
  return description;
}

export function describeModel(model: Model, stage5: boolean, size: number, top: TopOptions = {}): ModelDescription {
  const graph = modelGraph(model, stage5, top);
  const { parameters, macs } = summarize(graph, size);
  const { name, family, architecture, normalization } = model;
  return {
    name,
    family,
    architecture,
    stage5,
    size,
    normalization,
    parameters,
    gmacs: macs / 1e9,
    levels: describeLevels(graph, size),
    pyramid: describePyramid(modelGraph(model, stage5), size),
  };
}

function describeLevels(graph: Graph, size: number): LevelSummary[] {
  const shapes = inferShapes(graph, size, size);
  return levelsOf(graph).map((level) => {
    const { node, stride, channels } = graph.outputs[level]!;
    return { name: level, shape: shapes.get(node)!, stride, channels, node };
  });
}

function describePyramid(backbone: Graph, size: number): ModelDescription['pyramid'] {
  try {
    const graph = fpnGraph(backbone);
    const [whole, without] = [summarize(graph, size), summarize(backbone, size)];
    return {
      parameters: whole.parameters.total - without.parameters.total,
      gmacs: (whole.macs - without.macs) / 1e9,
      levels: describeLevels(graph, size).filter(({ name }) => isPyramidLevel(name)),
    };
  } catch (error) {
    // The strides do not double from level to level, or the maps do not at this size.
    if (error instanceof CairnError) return null;
    throw error;
  }
}
