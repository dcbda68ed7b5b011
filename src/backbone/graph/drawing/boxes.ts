import { levelsOf, type Graph, type GraphNode, type OutputName } from '../graph.js';

/** Nodes drawn as one box: a convolution with its padding, norm and activation. */
export interface Box {
  readonly nodes: readonly GraphNode[];
  /** Names of the nodes outside of the box that it reads. */
  readonly inputs: readonly string[];
  /** The output that leaves the graph here. */
  readonly output?: OutputName;
}

/** Boxes of one block of the network, or of several consecutive blocks of equal structure. */
export interface BoxGroup {
  /** As in the nodes: `stem`, `stage2/block3`, `top`; the last one of equal blocks. */
  readonly block: string;
  /** The number of consecutive blocks that this one stands for. */
  readonly repeats: number;
  readonly boxes: readonly Box[];
}

/** The boxes that a drawing shows, in order. `aliases` map hidden nodes to those shown in their place. */
export function groupBoxes(graph: Graph): { groups: BoxGroup[]; aliases: Map<string, string> } {
  const groups: BoxGroup[] = [];
  const aliases = new Map<string, string>();
  let shownBefore = graph.input.name;
  for (const [block, boxes] of boxesByBlock(graph)) {
    const last = groups.at(-1);
    const hidesLevel = last?.boxes.some((box) => box.output !== undefined) ?? true;
    if (last && !hidesLevel && likeness(last.boxes) === likeness(boxes)) {
      // The last of equal blocks is shown, since a level leaves at its end; its input is what precedes the first.
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

/** Whether a node belongs to the box of the operation before it. */
function isFinish({ op }: GraphNode): boolean {
  return op === 'batchNorm' || op === 'groupNorm' || op === 'scale' || op === 'relu' || op === 'softmax';
}

/** Equal for blocks that differ only in names. */
function likeness(boxes: readonly Box[]): string {
  const places = new Map(boxes.map((box, index) => [box.nodes.at(-1)!.name, index]));
  return JSON.stringify(
    boxes.map(({ nodes, inputs }) => [
      nodes.map(({ op, channels, ...rest }) => [op, channels, 'strides' in rest && rest.strides, rest.parameters]),
      inputs.map((input) => places.get(input) ?? 'outside'),
    ]),
  );
}
