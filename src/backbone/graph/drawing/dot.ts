import type { Graph, GraphNode } from '../graph.js';
import { inferShapes, type MapShape } from '../shapes.js';
import { groupBoxes, type Box, type BoxGroup } from './boxes.js';

const FILL: Readonly<Partial<Record<GraphNode['op'], string>>> = {
  conv2d: '#dbe9f6',
  dense: '#dbe9f6',
  maxPool: '#e3f1dd',
  averagePool: '#e3f1dd',
  globalPool: '#e3f1dd',
  add: '#eeeeee',
};
const LEVEL_FILL = '#ffd9a0';

/**
 * A graph as a drawing in the DOT language of Graphviz: blocks are clusters, and consecutive blocks of
 * equal structure are drawn once; levels are highlighted, with their shapes at `size` × `size` pixels.
 */
export function graphToDot(graph: Graph, size: number): string {
  const shapes = inferShapes(graph, size, size);
  const { groups, aliases } = groupBoxes(graph);
  const boxOf = new Map<string, string>();
  const id = (box: Box) => quote(box.nodes[0]!.name);
  for (const box of groups.flatMap((group) => group.boxes)) boxOf.set(box.nodes.at(-1)!.name, id(box));
  boxOf.set(graph.input.name, quote(graph.input.name));

  const edges = groups.flatMap(({ boxes }) =>
    boxes.flatMap((box) => box.inputs.map((input) => `${boxOf.get(aliases.get(input) ?? input)!} -> ${id(box)}`)),
  );
  return [
    'digraph {',
    'graph [fontname="Helvetica", nodesep=0.3, ranksep=0.25, newrank=true]',
    'node [fontname="Helvetica", fontsize=10, shape=box, style="filled,rounded", fillcolor="#ffffff"]',
    'edge [arrowsize=0.6, color="#555555"]',
    `label=${quote(`${graph.family} ${graph.architecture} at ${size}×${size}`)}`,
    'labelloc=t',
    `${quote(graph.input.name)} [label=${quote(`${graph.input.name}\n${showShape(shapes.get(graph.input.name)!)}`)}]`,
    ...groups.map((group) => cluster(group, shapes, id)),
    ...edges,
    '}',
  ].join('\n');
}

function cluster(group: BoxGroup, shapes: Map<string, MapShape>, id: (box: Box) => string): string {
  const title = group.repeats > 1 ? `${group.block}, the last of ${group.repeats} alike` : group.block;
  return [
    `subgraph ${quote(`cluster_${group.block}`)} {`,
    `label=${quote(title)}; labeljust=l; fontsize=10; fontcolor="#555555"; color="#bbbbbb"; style=rounded`,
    ...group.boxes.map((box) => `${id(box)} [${attributes(box, shapes)}]`),
    '}',
  ].join('\n');
}

function attributes(box: Box, shapes: Map<string, MapShape>): string {
  const last = box.nodes.at(-1)!;
  const lines = [box.nodes[0]!.name, box.nodes.map(describe).join(' · '), showShape(shapes.get(last.name)!)];
  const main = box.nodes.find((node) => FILL[node.op]);
  if (box.output === undefined)
    return `label=${quote(lines.join('\n'))}, fillcolor="${FILL[main?.op ?? 'relu'] ?? '#ffffff'}"`;
  const label = quote([box.output, ...lines, ...(last.name === lines[0] ? [] : [`→ ${last.name}`])].join('\n'));
  return `label=${label}, fillcolor="${LEVEL_FILL}", penwidth=2, fontsize=12`;
}

function describe(node: GraphNode): string {
  const step = 'strides' in node && node.strides[0] > 1 ? `/${node.strides[0]}` : '';
  switch (node.op) {
    case 'conv2d':
      return `${node.kernelSize.join('×')} conv ${node.channels}${step}`;
    case 'maxPool':
    case 'averagePool':
      return `${node.poolSize.join('×')} ${node.op === 'maxPool' ? 'max' : 'average'} pool${step}`;
    case 'globalPool':
      return `global ${node.mode} pool`;
    case 'upsample':
      return `upsample ×${node.factor}`;
    case 'zeroPad':
      return `pad ${node.margins.top}`;
    case 'batchNorm':
      return 'BN';
    case 'groupNorm':
      return 'GN';
    case 'relu':
      return 'ReLU';
    default:
      return node.op;
  }
}

function showShape(shape: MapShape): string {
  return shape.join('×');
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
