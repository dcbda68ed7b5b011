import type { Graph, GraphNode, ParameterName, Shape } from '../graph/graph.js';
import { fitsShape, shapeInFile, type Layout } from './layout.js';
import { indexTensors, namingsOf, type Naming } from './naming.js';
import { findForeignTensors } from './other-networks.js';
import type { WeightsEntry } from './weights-reader.js';

/** A parameter of a graph and its place in a file. */
export interface ExpectedTensor {
  readonly layer: string;
  readonly parameter: ParameterName;
  /** In the graph's layout (HWIO). */
  readonly shape: Shape;
  /** The tensor's name in the file, or the name that it would have there. */
  readonly path: string;
  /** The shape expected in the file, in the file's layout. */
  readonly expected: Shape;
}

/** The tensors of a file compared with the parameters of a graph. */
export interface WeightsMatch {
  /** Index in `namingsOf` of the convention that the file follows: 0 is the family's usual one. */
  readonly convention: number;
  /** The layout of the matched tensors in the file. */
  readonly layout: Layout;
  /** In the order of the graph. */
  readonly matched: readonly (ExpectedTensor & { entry: WeightsEntry })[];
  readonly missing: readonly ExpectedTensor[];
  /** `found` is in the file's layout. */
  readonly misshaped: readonly (ExpectedTensor & { found: Shape })[];
  /** Where nothing is missing: tensors that show that the file belongs to another network; see `findForeignTensors`. */
  readonly surplus: readonly WeightsEntry[];
  /** Layers of the file that the graph does not have, such as the RPN and heads of a whole Mask R-CNN. */
  readonly unusedLayers: readonly string[];
}

/**
 * Compares names and shapes only; no values are read. Of the conventions for files of the graph, the one
 * that finds the most parameters is used.
 */
export function matchWeights(graph: Graph, entries: readonly WeightsEntry[]): WeightsMatch {
  const wanted = graph.nodes.flatMap(parametersOf);
  const readings = namingsOf(graph).map((naming, convention) => readBy(naming, convention, wanted, entries));
  const best = readings.reduce((a, b) => (b.found.size > a.found.size ? b : a));
  const compared = compare(best, wanted);
  const { rest, unusedLayers } = leftOver(best, entries);
  const complete = compared.matched.length === wanted.length;
  const surplus = complete ? findForeignTensors(graph, rest, best.convention) : [];
  return { convention: best.convention, ...compared, surplus, unusedLayers };
}

interface Parameter {
  readonly node: GraphNode;
  readonly parameter: ParameterName;
  readonly shape: Shape;
}

/** The parameters found in a file by one convention. */
interface Reading {
  readonly naming: Naming;
  readonly convention: number;
  readonly found: ReadonlyMap<Parameter, WeightsEntry>;
}

function readBy(
  naming: Naming,
  convention: number,
  wanted: readonly Parameter[],
  entries: readonly WeightsEntry[],
): Reading {
  const find = indexTensors(entries, naming);
  const found = new Map<Parameter, WeightsEntry>();
  for (const one of wanted) {
    const entry = find(one.node, one.parameter);
    if (entry) found.set(one, entry);
  }
  return { naming, convention, found };
}

function compare({ naming, found }: Reading, wanted: readonly Parameter[]) {
  const { layout } = naming;
  const matched: (ExpectedTensor & { entry: WeightsEntry })[] = [];
  const missing: ExpectedTensor[] = [];
  const misshaped: (ExpectedTensor & { found: Shape })[] = [];
  for (const one of wanted) {
    const { node, parameter, shape } = one;
    const entry = found.get(one);
    const path = entry?.path ?? naming.names(node, parameter)[0] ?? `${node.name}/${parameter}`;
    const described = { layer: node.name, parameter, shape, path, expected: shapeInFile(shape, layout) };
    if (!entry) missing.push(described);
    else if (!fitsShape(entry.shape, shape, layout)) misshaped.push({ ...described, found: entry.shape });
    else matched.push({ ...described, entry });
  }
  return { layout, matched, missing, misshaped };
}

function leftOver({ naming, found }: Reading, entries: readonly WeightsEntry[]) {
  const used = new Set(found.values());
  const usedLayers = new Set([...used].map(({ path }) => naming.layerOf(path)));
  const rest = entries.filter((entry) => !used.has(entry));
  const layers = new Set(rest.map(({ path }) => naming.layerOf(path)));
  return { rest, unusedLayers: [...layers].filter((layer) => !usedLayers.has(layer)) };
}

function parametersOf(node: GraphNode): Parameter[] {
  const parameters = Object.entries(node.parameters) as [ParameterName, Shape][];
  return parameters.map(([parameter, shape]) => ({ node, parameter, shape }));
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
