import { FAMILIES, type FamilyName } from '../graph/families.js';
import type { Graph, GraphNode, ParameterName, Shape } from '../graph/graph.js';
import { resnetGraph } from '../graph/resnet-graph.js';
import { fitsShape } from './layout.js';
import { indexTensors, namingsOf, PARAMETER_NAMES } from './naming.js';
import type { WeightsEntry } from './weights-reader.js';

/**
 * Tensors that show that a file belongs to another network although it has all of the graph's parameters:
 * the result would be that of neither network. `rest` are the tensors that the graph did not need,
 * `convention` the index in `namingsOf` of the convention used. Foreign are:
 *
 * - parameters that the graph's own layers do not have: a bias that would not be added;
 * - blocks of a deeper network of the family: a ResNet-101 has all layers of a ResNet-50;
 * - a stage 5 of other shapes, where the graph has none: it identifies deeper networks in files with
 *   numbered layers.
 */
export function findForeignTensors(graph: Graph, rest: readonly WeightsEntry[], convention: number): WeightsEntry[] {
  const naming = namingsOf(graph)[convention]!;
  const find = indexTensors(rest, naming);
  const found = (node: GraphNode) => PARAMETER_NAMES.flatMap((parameter) => find(node, parameter) ?? []);
  const foreign = graph.nodes.filter(hasParameters).flatMap(found);
  const { family, architecture } = graph;
  const related = Object.hasOwn(FAMILIES, family) ? FAMILIES[family as FamilyName].architectures : [];
  if (!(related as readonly string[]).includes(architecture)) return foreign;

  const whole = resnetGraph(architecture, true, { family });
  const own = new Set(whole.nodes.map((node) => node.name));
  const others = related.filter((name) => name !== architecture);
  const deeper = others.flatMap((name) => resnetGraph(name, true, { family }).nodes);
  foreign.push(...deeper.filter((node) => hasParameters(node) && !own.has(node.name)).flatMap(found));

  if (!graph.stage5) {
    const wholeNaming = namingsOf(whole)[convention]!;
    const findWhole = indexTensors(rest, wholeNaming);
    for (const node of whole.nodes.filter(hasParameters)) {
      for (const [parameter, shape] of Object.entries(node.parameters) as [ParameterName, Shape][]) {
        const entry = findWhole(node, parameter);
        if (entry && !fitsShape(entry.shape, shape, wholeNaming.layout)) foreign.push(entry);
      }
    }
  }
  return [...new Set(foreign)];
}

function hasParameters(node: GraphNode): boolean {
  return Object.keys(node.parameters).length > 0;
}
