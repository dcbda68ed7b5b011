import type { Graph, GraphNode, ParameterName } from '../graph/graph.js';

const BATCH_NORM = ['gamma', 'beta', 'moving_mean', 'moving_variance'] as const;

/**
 * Keras 3's own format (`.weights.h5`): one group per layer, `layers/batch_normalization_3`, named
 * after the layer's class and its number among the layers of that class; its variables are
 * `vars/0`, `vars/1`, … in the order in which the class creates them (`saving_lib.py`, `H5IOStore`).
 */
const VARIABLES: Readonly<Record<string, readonly ParameterName[]>> = {
  conv2d: ['kernel', 'bias'],
  dense: ['kernel', 'bias'],
  batch_normalization: BATCH_NORM,
  // Matterport's own class.
  batch_norm: BATCH_NORM,
  scale: ['gamma', 'beta'],
};
const CLASSES: Readonly<Partial<Record<GraphNode['op'], string>>> = {
  conv2d: 'conv2d',
  dense: 'dense',
  batchNorm: 'batch_normalization',
  scale: 'scale',
};
const VARIABLE = /^(.*?)([^/]+)\/vars\/(\d+)$/;

/** The group and parameter of a variable of a known class. */
function parse(path: string): { parents: string; parameter: ParameterName } | undefined {
  const [, parents, group, index] = VARIABLE.exec(path) ?? [];
  const parameter = group && VARIABLES[group.replace(/_\d+$/, '')]?.[Number(index)];
  return parameter ? { parents: parents!, parameter } : undefined;
}

/** Whether this is a variable of an unnamed layer. */
export function isUnnamedVariable(path: string): boolean {
  return parse(path) !== undefined;
}

/**
 * `layers/conv2d_3/vars/0` of a layer called `conv1_conv` → `layers/conv1_conv/kernel`. Other
 * paths are unchanged.
 */
export function namedVariable(path: string, layer: string): string {
  const variable = parse(path);
  return variable ? `${variable.parents}${layer}/${variable.parameter}` : path;
}

/**
 * The paths of a graph's parameters in a file that does not name its layers. Keras numbers the layers
 * of a functional model by their distance from the output, the farthest first, and layers at the same
 * distance in the order in which a walk back from the output meets them (`ops/function.py`, `map_graph`).
 * `keras.applications` adds `[shortcut, branch]`, so the walk meets the shortcut first.
 */
export function numberedVariables(graph: Graph): (node: GraphNode, parameter: ParameterName) => readonly string[] {
  // A pyramid is no part of those models.
  const layers = graph.nodes.filter(({ block }) => block !== 'fpn');
  const nodes = new Map(layers.map((node) => [node.name, node]));
  const distances = new Map<string, number>();
  for (const { name, inputs } of layers.toReversed()) {
    const next = (distances.get(name) ?? 0) + 1;
    for (const input of inputs) distances.set(input, Math.max(next, distances.get(input) ?? 0));
  }

  const met = new Set<GraphNode>();
  const waiting = [layers.at(-1)!];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (met.has(node)) continue;
    met.add(node);
    // The last one pushed is walked first: an addition's inputs are `[branch, shortcut]`.
    waiting.push(...node.inputs.flatMap((input) => nodes.get(input) ?? []));
  }

  const groups = new Map<GraphNode, string>();
  const counts = new Map<string, number>();
  const distance = (node: GraphNode) => distances.get(node.name) ?? 0;
  for (const node of [...met].sort((a, b) => distance(b) - distance(a))) {
    const kind = CLASSES[node.op];
    if (!kind) continue;
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    groups.set(node, `layers/${kind}${count > 0 ? `_${count}` : ''}`);
  }
  return (node, parameter) => {
    const index = VARIABLES[CLASSES[node.op] ?? '']?.indexOf(parameter) ?? -1;
    const group = groups.get(node);
    return group === undefined || index < 0 ? [] : [`${group}/vars/${index}`];
  };
}
