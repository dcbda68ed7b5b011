import { describe, expect, test } from '@jest/globals';
import { nodesFor } from '../../../../src/backbone/engine/plan.js';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { tinyGraph } from '../../../support/graphs.js';

const graph = resnetGraph('resnet101', true);
const names = (outputs: Parameters<typeof nodesFor>[1]) => nodesFor(graph, outputs).map((node) => node.name);

describe('nodesFor', () => {
  test('C3 needs stages 2 and 3 whole, and nothing of stage 4', () => {
    const needed = names(['C3']);
    expect(needed.at(-1)).toBe('res3d_out');
    expect(needed.filter((name) => /^(res|bn)[45]/.test(name))).toEqual([]);
    expect(needed).toEqual(graph.nodes.map((node) => node.name).slice(0, needed.length));
  });

  test('C1 needs the stem only', () => {
    expect(names(['C1'])).toEqual(['conv1_pad', 'conv1', 'bn_conv1', 'conv1_relu', 'pool1']);
  });

  test('a top needs the last stage; no level needs a top', () => {
    const topped = resnetGraph('resnet50', true, { includeTop: true });
    expect(nodesFor(topped, ['top'])).toEqual(topped.nodes);
    expect(nodesFor(topped, ['C5'])).toEqual(resnetGraph('resnet50', true).nodes);
  });

  test('all levels need all nodes, as does the coarsest alone', () => {
    expect(nodesFor(graph, ['C1', 'C2', 'C3', 'C4', 'C5'])).toEqual(graph.nodes);
    expect(nodesFor(graph, ['C5'])).toEqual(graph.nodes);
  });

  test('several levels need what each of them needs, in the order of the graph', () => {
    expect(nodesFor(graph, ['C4', 'C2'])).toEqual(nodesFor(graph, ['C4']));
  });

  test('both inputs of a sum are kept', () => {
    const kept = nodesFor(tinyGraph(), ['C3']).map((node) => node.name);
    expect(kept).toEqual(expect.arrayContaining(['branch', 'branch_bn', 'shortcut', 'sum', 'c3']));
    expect(kept).not.toContain('c4_pad');
  });
});
