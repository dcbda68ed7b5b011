import { levelsOf, type Graph, type GraphNode, type OutputName } from '../graph.js';

/** Nodes that are drawn as one: a convolution with its padding, its norm and its activation. */
export interface Box {
  readonly nodes: readonly GraphNode[];
  /** Names of the nodes outside of the box that it reads. */
  readonly inputs: readonly string[];
  /** The output that leaves the graph here. */
  readonly output?: OutputName;
}

/** Boxes of one block of the network, or of several blocks in a row that are built alike. */
export interface BoxGroup {
  /** As the nodes have it: `stem`, `stage2/block3`, `top`; the last one of those that are alike. */
  readonly block: string;
  /** How many blocks in a row this one stands for. */
  readonly repeats: number;
  readonly boxes: readonly Box[];
}

/** What a drawing shows of a graph, in order. `aliases` tell which node stands for one that is not shown. */
export function groupBoxes(graph: Graph): { groups: BoxGroup[]; aliases: Map<string, string> } {
  const groups: BoxGroup[] = [];
  const aliases = new Map<string, string>();
  let shownBefore = graph.input.name;
  for (const [block, boxes] of boxesByBlock(graph)) {
    const last = groups.at(-1);
    const hidesLevel = last?.boxes.some((box) => box.output !== undefined) ?? true;
    if (last && !hidesLevel && likeness(last.boxes) === likeness(boxes)) {
      // The last of a row is shown, as its end is what a level leaves; it is drawn behind what comes before the row.
      aliases.set(endOf(last), aliases.get(endOf(last)) ?? shownBefore);
      groups[groups.length - 1] = { block, repeats: last.repeats + 1, boxes };
    } else {
      if (last) shownBefore = endOf(last);
      groups.push({ block, repeats: 1, boxes });
    }
  }
  return { groups, aliases };
}

function endOf({ boxes }: BoxGroup): string {
  return boxes.at(-1)!.nodes.at(-1)!.name;
}

function boxesByBlock(graph: Graph): Map<string, Box[]> {
  const outputs = new Map<string, OutputName>(levelsOf(graph).map((level) => [graph.outputs[level]!.node, level]));
  if (graph.outputs.top) outputs.set(graph.outputs.top.node, 'top');
  const readers = new Map<string, number>();
  for (const input of graph.nodes.flatMap((node) => node.inputs)) readers.set(input, (readers.get(input) ?? 0) + 1);

  const open: GraphNode[][] = [];
  for (const node of graph.nodes) {
    const before = open.find((nodes) => nodes.at(-1)!.name === node.inputs[0]);
    const tail = before?.at(-1);
    const follows =
      tail?.block === node.block &&
      node.inputs.length === 1 &&
      readers.get(tail.name) === 1 &&
      !outputs.has(tail.name) &&
      (isFinish(node) || tail.op === 'zeroPad');
    if (before && follows) before.push(node);
    else open.push([node]);
  }
  const byBlock = new Map<string, Box[]>();
  for (const nodes of open) {
    const output = outputs.get(nodes.at(-1)!.name);
    const box: Box = { nodes, inputs: nodes[0]!.inputs, ...(output && { output }) };
    byBlock.set(nodes[0]!.block, [...(byBlock.get(nodes[0]!.block) ?? []), box]);
  }
  return byBlock;
}

/** What belongs to the operation before it. */
function isFinish({ op }: GraphNode): boolean {
  return op === 'batchNorm' || op === 'scale' || op === 'relu' || op === 'softmax';
}

/** Equal for blocks that differ in their names only. */
function likeness(boxes: readonly Box[]): string {
  const places = new Map(boxes.map((box, index) => [box.nodes.at(-1)!.name, index]));
  return JSON.stringify(
    boxes.map(({ nodes, inputs }) => [
      nodes.map(({ op, channels, ...rest }) => [op, channels, 'strides' in rest && rest.strides, rest.parameters]),
      inputs.map((input) => places.get(input) ?? 'outside'),
    ]),
  );
}
