import type { Graph, GraphNode, ParameterName, Shape } from '../graph/graph.js';
import type { WeightsEntry } from './weights-reader.js';

interface Wanted {
  readonly layer: string;
  readonly parameter: ParameterName;
  readonly shape: Shape;
}

/** How the tensors of a file meet the parameters of a graph. */
export interface WeightsMatch {
  readonly matched: readonly (Wanted & { entry: WeightsEntry })[];
  readonly missing: readonly Wanted[];
  readonly misshaped: readonly (Wanted & { found: Shape })[];
  /** Layers of the file that the graph does not have: a whole Mask R-CNN brings its RPN and heads along. */
  readonly unusedLayers: readonly string[];
}

/** Compares names and shapes only; nothing is read. */
export function matchWeights(graph: Graph, entries: readonly WeightsEntry[]): WeightsMatch {
  const byName = new Map(entries.map((entry) => [`${entry.layer}/${entry.parameter}`, entry]));
  const matched: (Wanted & { entry: WeightsEntry })[] = [];
  const missing: Wanted[] = [];
  const misshaped: (Wanted & { found: Shape })[] = [];
  for (const wanted of graph.nodes.flatMap(parametersOf)) {
    const entry = byName.get(`${wanted.layer}/${wanted.parameter}`);
    if (!entry) missing.push(wanted);
    else if (!sameShape(entry.shape, wanted.shape)) misshaped.push({ ...wanted, found: entry.shape });
    else matched.push({ ...wanted, entry });
  }
  const layers = new Set(graph.nodes.map((node) => node.name));
  const unusedLayers = [...new Set(entries.map((entry) => entry.layer))].filter((layer) => !layers.has(layer));
  return { matched, missing, misshaped, unusedLayers };
}

function parametersOf(node: GraphNode): Wanted[] {
  const parameters = Object.entries(node.parameters) as [ParameterName, Shape][];
  return parameters.map(([parameter, shape]) => ({ layer: node.name, parameter, shape }));
}

function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
