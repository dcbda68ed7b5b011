import { describe, expect, test } from '@jest/globals';
import type { Graph, ParameterName, Shape } from '../../../../src/backbone/graph/graph.js';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { numberedVariables } from '../../../../src/backbone/weights/keras-variables.js';
import { matchWeights } from '../../../../src/backbone/weights/match-weights.js';
import type { WeightsEntry } from '../../../../src/backbone/weights/weights-reader.js';

/** What a file for `graph` holds, with the usual names. */
function fileOf(graph: Graph): WeightsEntry[] {
  const { missing } = matchWeights(graph, []);
  return missing.map(({ path, expected }) => ({ path, shape: expected, dtype: 'float32' }));
}

/** The same as a Keras that does not name its layers writes it. */
function numberedFileOf(graph: Graph): WeightsEntry[] {
  const variables = numberedVariables(graph);
  return graph.nodes.flatMap((node) =>
    (Object.entries(node.parameters) as [ParameterName, Shape][]).map(([parameter, shape]) => {
      return { path: variables(node, parameter)[0]!, shape, dtype: 'float32' };
    }),
  );
}

const network = (family: string, architecture: string, stage5 = true, includeTop = false) =>
  resnetGraph(architecture, stage5, { family, includeTop });

describe('a file of a deeper network', () => {
  test.each([
    ['mask-rcnn', 'resnet101', 'resnet50'],
    ['keras', 'resnet152', 'resnet101'],
    ['torchvision', 'resnet152', 'resnet50'],
    ['torchvision', 'resnet34', 'resnet18'],
    ['detectron2', 'resnet101', 'resnet50'],
    ['keras-v2', 'resnet152v2', 'resnet50v2'],
  ])('%s: %s is not taken for %s, with stage 5 or without', (family, deep, shallow) => {
    const entries = fileOf(network(family, deep));
    for (const stage5 of [true, false]) {
      const match = matchWeights(network(family, shallow, stage5), entries);
      expect(match).toMatchObject({ missing: [], misshaped: [] });
      expect(match.surplus.length).toBeGreaterThan(0);
      expect(matchWeights(network(family, deep, stage5), entries).surplus).toEqual([]);
    }
  });

  test.each([
    ['mask-rcnn', 'resnet50'],
    ['keras', 'resnet50'],
    ['keras-v2', 'resnet50v2'],
    ['scale', 'resnet101'],
    ['slim-v2', 'resnet50v2'],
    ['torchvision', 'resnet18'],
    ['detectron2', 'resnet50'],
    ['basic-small-stem', 'resnet18'],
  ])('%s %s takes its own file, classifier and all', (family, architecture) => {
    const entries = fileOf(network(family, architecture, true, true));
    for (const [stage5, includeTop] of [
      [true, true],
      [true, false],
      [false, false],
    ] as const) {
      const match = matchWeights(network(family, architecture, stage5, includeTop), entries);
      expect(match).toMatchObject({ missing: [], misshaped: [], surplus: [] });
    }
  });

  test('layers that are numbered betray it by the shapes behind', () => {
    const deep = numberedFileOf(network('keras', 'resnet101'));
    const shallow = numberedFileOf(network('keras', 'resnet50'));
    const cut = network('keras', 'resnet50', false);
    expect(matchWeights(network('keras', 'resnet50'), deep).misshaped.length).toBeGreaterThan(0);
    expect(matchWeights(cut, deep).surplus.length).toBeGreaterThan(0);
    expect(matchWeights(cut, shallow)).toMatchObject({ missing: [], misshaped: [], surplus: [] });
    expect(matchWeights(cut, numberedFileOf(cut))).toMatchObject({ missing: [], misshaped: [], surplus: [] });
  });
});
