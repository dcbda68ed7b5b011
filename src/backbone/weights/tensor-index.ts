import type { GraphNode, ParameterName } from '../graph/graph.js';
import type { Naming } from './naming.js';
import type { WeightsEntry } from './weights-reader.js';

/** Finds the tensor of a parameter among the entries of a file, by one convention. */
export type TensorIndex = (node: GraphNode, parameter: ParameterName) => WeightsEntry | undefined;

/**
 * A name of a better rank wins over a worse one; two tensors with one name at the same rank are
 * ambiguous, and neither is found.
 */
export function indexTensors(entries: readonly WeightsEntry[], naming: Naming): TensorIndex {
  const ranks: Map<string, WeightsEntry | undefined>[] = [];
  for (const entry of entries) {
    for (const [rank, key] of naming.keys(entry.path).entries()) {
      const index = (ranks[rank] ??= new Map<string, WeightsEntry | undefined>());
      index.set(key, index.has(key) ? undefined : entry);
    }
  }
  const find = (name: string) => ranks.find((index) => index.has(name))?.get(name);
  return (node, parameter) => {
    for (const name of naming.names(node, parameter)) {
      const entry = find(name);
      if (entry) return entry;
    }
    return undefined;
  };
}
