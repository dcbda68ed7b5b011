import { findModel, modelGraph } from '../backbone/catalogue.js';
import { fpnGraph, isPyramidLevel } from '../backbone/graph/fpn-graph.js';
import { LEVEL_NAMES, type Graph } from '../backbone/graph/graph.js';
import { inferShapes } from '../backbone/graph/shapes.js';
import { matchWeights } from '../backbone/weights/match-weights.js';
import type { WeightsEntry } from '../backbone/weights/weights-reader.js';
import { isSeeded, openWeights } from '../backbone/weights/weights.js';
import { CairnError } from '../errors.js';
import { withBackboneLevels, type FeatureSpec, type RequestedSpec } from './feature-spec.js';

/** The errors of a graph that cannot have a pyramid. */
const NO_PYRAMID: readonly string[] = ['levels-unsuitable', 'option-invalid'];

/**
 * The spec with its levels. Where it names none, those that a detector reads: P2–P6 where the weights hold a feature
 * pyramid, else C2 and above. Seeded weights count as without one.
 *
 * `holds` reads the file; callers that ask often remember its answer.
 *
 * @throws CairnError `weights-unreadable`.
 */
export async function withLevels(
  spec: RequestedSpec,
  weights: string,
  holds: (graph: Graph, weights: string) => Promise<boolean> = holdsPyramid,
): Promise<FeatureSpec> {
  const graph = spec.levels || isSeeded(weights) ? undefined : pyramidOf(spec);
  if (!graph || !(await holds(graph, weights))) return withBackboneLevels(spec);
  return Object.freeze({ ...spec, levels: LEVEL_NAMES.filter(isPyramidLevel) });
}

/** The model's graph with its pyramid; undefined where strides do not double, or the maps do not at this size. */
export function pyramidOf({
  model,
  stage5,
  size,
}: Pick<RequestedSpec, 'model' | 'stage5' | 'size'>): Graph | undefined {
  if (!stage5) return undefined;
  try {
    const graph = fpnGraph(modelGraph(findModel(model), true));
    inferShapes(graph, size, size);
    return graph;
  } catch (error) {
    if (error instanceof CairnError && NO_PYRAMID.includes(error.code)) return undefined;
    throw error;
  }
}

/** Whether a file has every parameter of the graph's pyramid; only names and shapes are read. */
export async function holdsPyramid(graph: Graph, weights: string): Promise<boolean> {
  const reader = await openWeights(weights, graph);
  try {
    const { matched, total } = matchPyramid(graph, reader.entries());
    return matched === total;
  } finally {
    await reader.close();
  }
}

/**
 * How many of the `total` parameters of the graph's pyramid a file has in the right shape. `unusedLayers` of the file
 * are neither in the backbone nor in the pyramid.
 */
export function matchPyramid(graph: Graph, entries: readonly WeightsEntry[]) {
  const { matched, missing, misshaped, unusedLayers } = matchWeights(graph, entries);
  const pyramid = new Set(graph.nodes.filter((node) => node.block === 'fpn').map((node) => node.name));
  const total = [...matched, ...missing, ...misshaped].filter(({ layer }) => pyramid.has(layer)).length;
  return { matched: matched.filter(({ layer }) => pyramid.has(layer)).length, total, unusedLayers };
}
