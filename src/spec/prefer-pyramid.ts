import { CairnError } from '../errors.js';
import type { FeatureRequest } from './feature-spec.js';
import { fpnGraph } from '../backbone/graph/fpn-graph.js';
import { LEVEL_NAMES } from '../backbone/graph/graph.js';
import { inferShapes } from '../backbone/graph/shapes.js';
import { modelGraph, type Model } from '../backbone/catalogue.js';
import { matchWeights } from '../backbone/weights/match-weights.js';
import { isSeeded, openWeights } from '../backbone/weights/weights.js';

/** How the graph says that there is none. */
const NO_PYRAMID: readonly string[] = ['levels-unsuitable', 'option-invalid'];

/**
 * What a request means by the levels that it does not name: what a detector reads, P2–P6 where the
 * weights hold a feature pyramid, else C2–C5. Seeded weights count as without one.
 */
export async function preferPyramid(request: FeatureRequest, weights: string): Promise<FeatureRequest> {
  if (!request.levelsByDefault || !request.stage5) return request;
  if (!(await holdsPyramid(request.model, request.size, weights))) return request;
  return { ...request, levels: LEVEL_NAMES.filter((level) => level.startsWith('P')) };
}

/**
 * Whether a file has every parameter of the pyramid, and the model every level of it on a canvas of this side;
 * nothing but names and shapes is read.
 *
 * @throws CairnError `weights-unreadable`.
 */
export async function holdsPyramid(model: Model, size: number, weights: string): Promise<boolean> {
  if (isSeeded(weights)) return false;
  let graph;
  try {
    graph = fpnGraph(modelGraph(model, true));
    inferShapes(graph, size, size);
  } catch (error) {
    // The strides do not double, or the maps do not at this size.
    if (error instanceof CairnError && NO_PYRAMID.includes(error.code)) return false;
    throw error;
  }
  const reader = await openWeights(weights, graph);
  try {
    const { missing, misshaped } = matchWeights(graph, reader.entries());
    const pyramid = new Set(graph.nodes.filter((node) => node.block === 'fpn').map((node) => node.name));
    return ![...missing, ...misshaped].some(({ layer }) => pyramid.has(layer));
  } finally {
    await reader.close();
  }
}
