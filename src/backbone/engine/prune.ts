import type { Graph, GraphNode, OutputName } from '../graph/graph.js';

/** The nodes that the asked outputs depend on, in the graph's order: asking for C3 does not run stage 4. */
export function nodesFor(graph: Graph, outputs: readonly OutputName[]): GraphNode[] {
  const needed = new Set(outputs.map((output) => graph.outputs[output]!.node));
  return graph.nodes
    .toReversed()
    .filter((node) => {
      if (!needed.has(node.name)) return false;
      for (const input of node.inputs) needed.add(input);
      return true;
    })
    .reverse();
}
