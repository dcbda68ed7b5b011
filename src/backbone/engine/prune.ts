import type { Graph, GraphNode, LevelName } from '../graph/graph.js';

/** The nodes that the asked levels depend on, in the graph's order: asking for C3 does not run stage 4. */
export function nodesFor(graph: Graph, levels: readonly LevelName[]): GraphNode[] {
  const needed = new Set(levels.map((level) => graph.outputs[level]!.node));
  return graph.nodes
    .toReversed()
    .filter((node) => {
      if (!needed.has(node.name)) return false;
      for (const input of node.inputs) needed.add(input);
      return true;
    })
    .reverse();
}
