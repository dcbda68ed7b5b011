import type { Graph, GraphNode, ParameterName, Shape } from '../graph/graph.js';
import { fitsShape, shapeInFile, type Layout } from './layout.js';
import { namingsOf, type Naming } from './naming.js';
import type { WeightsEntry } from './weights-reader.js';

/** A parameter of a graph, and where a file has it. */
export interface Wanted {
  readonly layer: string;
  readonly parameter: ParameterName;
  /** In the graph's layout (HWIO). */
  readonly shape: Shape;
  /** The tensor's name in the file, or the name that it would have there. */
  readonly path: string;
  /** The shape that the file should have, in the file's layout. */
  readonly expected: Shape;
}

/** How the tensors of a file meet the parameters of a graph. */
export interface WeightsMatch {
  /** The layout of the matched tensors in the file. */
  readonly layout: Layout;
  /** In the order of the graph. */
  readonly matched: readonly (Wanted & { entry: WeightsEntry })[];
  readonly missing: readonly Wanted[];
  /** `found` is in the file's layout. */
  readonly misshaped: readonly (Wanted & { found: Shape })[];
  /** Tensors that the file has for layers of the graph, where the graph has no such parameter: a bias too many. */
  readonly surplus: readonly WeightsEntry[];
  /** Layers of the file that the graph does not have: a whole Mask R-CNN brings its RPN and heads along. */
  readonly unusedLayers: readonly string[];
}

/**
 * Compares names and shapes only; nothing is read. Of the conventions that the graph's family is
 * published in, the file is taken to follow the one that finds the most parameters.
 */
export function matchWeights(graph: Graph, entries: readonly WeightsEntry[]): WeightsMatch {
  const wanted = graph.nodes.flatMap(parametersOf);
  const readings = namingsOf(graph).map((naming) => readBy(naming, wanted, entries));
  const best = readings.reduce((a, b) => (b.found.size > a.found.size ? b : a));
  return compare(best, wanted, entries);
}

interface Parameter {
  readonly node: GraphNode;
  readonly parameter: ParameterName;
  readonly shape: Shape;
}

/** What a file holds when it is read by one convention. */
interface Reading {
  readonly naming: Naming;
  readonly found: ReadonlyMap<Parameter, WeightsEntry>;
}

function readBy(naming: Naming, wanted: readonly Parameter[], entries: readonly WeightsEntry[]): Reading {
  const find = indexEntries(entries, naming);
  const found = new Map<Parameter, WeightsEntry>();
  for (const one of wanted) {
    const [entry] = naming.names(one.node, one.parameter).flatMap((name) => find(name) ?? []);
    if (entry) found.set(one, entry);
  }
  return { naming, found };
}

/** A key of a better rank wins over a worse one; two tensors that claim a key at the same rank are both left out. */
function indexEntries(entries: readonly WeightsEntry[], naming: Naming) {
  const ranks: Map<string, WeightsEntry | undefined>[] = [];
  for (const entry of entries) {
    for (const [rank, key] of naming.keys(entry.path).entries()) {
      const index = (ranks[rank] ??= new Map<string, WeightsEntry | undefined>());
      index.set(key, index.has(key) ? undefined : entry);
    }
  }
  return (key: string): WeightsEntry | undefined => ranks.find((index) => index.has(key))?.get(key);
}

function compare(
  { naming, found }: Reading,
  wanted: readonly Parameter[],
  entries: readonly WeightsEntry[],
): WeightsMatch {
  const { layout } = naming;
  const matched: (Wanted & { entry: WeightsEntry })[] = [];
  const missing: Wanted[] = [];
  const misshaped: (Wanted & { found: Shape })[] = [];
  for (const one of wanted) {
    const { node, parameter, shape } = one;
    const entry = found.get(one);
    const path = entry?.path ?? naming.names(node, parameter)[0] ?? `${node.name}/${parameter}`;
    const described = { layer: node.name, parameter, shape, path, expected: shapeInFile(shape, layout) };
    if (!entry) missing.push(described);
    else if (!fitsShape(entry.shape, shape, layout)) misshaped.push({ ...described, found: entry.shape });
    else matched.push({ ...described, entry });
  }

  const used = new Set(found.values());
  const usedLayers = new Set([...used].map(({ path }) => naming.layerOf(path)));
  const rest = entries.filter((entry) => !used.has(entry));
  const restLayers = new Set(rest.map(({ path }) => naming.layerOf(path)));
  const unusedLayers = [...restLayers].filter((layer) => !usedLayers.has(layer));
  return { layout, matched, missing, misshaped, surplus: surplusOf(naming, wanted, rest), unusedLayers };
}

function surplusOf(naming: Naming, wanted: readonly Parameter[], rest: readonly WeightsEntry[]): WeightsEntry[] {
  const find = indexEntries(rest, naming);
  const names = [...new Set(wanted.map(({ node }) => node))].flatMap((node) =>
    PARAMETER_NAMES.flatMap((parameter) => naming.names(node, parameter)),
  );
  return [...new Set(names.flatMap((name) => find(name) ?? []))];
}

const PARAMETER_NAMES: readonly ParameterName[] = ['kernel', 'bias', 'gamma', 'beta', 'moving_mean', 'moving_variance'];

function parametersOf(node: GraphNode): Parameter[] {
  const parameters = Object.entries(node.parameters) as [ParameterName, Shape][];
  return parameters.map(([parameter, shape]) => ({ node, parameter, shape }));
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
