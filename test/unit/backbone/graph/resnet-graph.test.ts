import { describe, expect, test } from '@jest/globals';
import { levelsOf } from '../../../../src/backbone/graph/graph.js';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { summarize } from '../../../../src/backbone/graph/summary.js';

/** Names of the layers that have parameters, in the graph's order. */
function layersOf(architecture: string, stage5 = true): string[] {
  return resnetGraph(architecture, stage5)
    .nodes.filter((node) => Object.keys(node.parameters).length > 0)
    .map((node) => node.name);
}

// Published figures: keras.applications' model.summary() without top, and multiply-adds at 1024².
test.each([
  ['resnet50', true, 23_587_712, 53_120, 80.58],
  ['resnet101', true, 42_658_176, 105_344, 158.16],
  ['resnet50', false, undefined, undefined, 65.28],
  ['resnet101', false, undefined, undefined, 142.86],
])('%s with stage5=%s has the published size', (architecture, stage5, parameters, nonTrainable, gmacs) => {
  const { parameters: counted, macs } = summarize(resnetGraph(architecture, stage5), 1024);
  if (parameters !== undefined) expect(counted).toMatchObject({ total: parameters, nonTrainable });
  expect(macs / 1e9).toBeCloseTo(gmacs, 2);
});

describe('resnetGraph', () => {
  test('refuses what it does not know, by name', () => {
    expect(() => resnetGraph('resnet51', true)).toThrow(/no architecture "resnet51"; known are resnet50/);
    expect(() => resnetGraph('resnet50', true, 'caffe')).toThrow(/no family "caffe"/);
    expect(() => resnetGraph('toString', true)).toThrow(expect.objectContaining({ code: 'model-unknown' }));
  });

  test('names and orders the layers of the stem and of the first blocks as Matterport does', () => {
    const block = (letter: string, branches: string[]) =>
      branches.flatMap((branch) => [`res2${letter}_branch${branch}`, `bn2${letter}_branch${branch}`]);
    expect(layersOf('resnet50').slice(0, 16)).toEqual([
      'conv1',
      'bn_conv1',
      ...block('a', ['2a', '2b', '2c', '1']),
      ...block('b', ['2a', '2b', '2c']),
    ]);
  });

  test.each([
    ['resnet50', ['abc', 'abcd', 'abcdef', 'abc']],
    ['resnet101', ['abc', 'abcd', 'abcdefghijklmnopqrstuvw', 'abc']],
  ])('%s letters its blocks %j', (architecture, letters) => {
    const ends = resnetGraph(architecture, true).nodes.map((node) => node.name);
    const expected = letters.flatMap((stage, i) => Array.from(stage, (letter) => `res${i + 2}${letter}_out`));
    expect(ends.filter((name) => /^res.*_out$/.test(name))).toEqual(expected);
    const projections = layersOf(architecture).filter((name) => /^res.*_branch1$/.test(name));
    expect(projections).toEqual(['res2a_branch1', 'res3a_branch1', 'res4a_branch1', 'res5a_branch1']);
  });

  test.each([
    ['resnet50', 53, 'res4f_out'],
    ['resnet101', 104, 'res4w_out'],
  ])('%s has %i convolutions, and its levels leave where Matterport takes them', (architecture, convolutions, c4) => {
    const { nodes, outputs } = resnetGraph(architecture, true);
    expect(nodes.filter((node) => node.op === 'conv2d')).toHaveLength(convolutions);
    expect(nodes.filter((node) => node.op === 'batchNorm')).toHaveLength(convolutions);
    expect(outputs).toEqual({
      C1: { node: 'pool1', channels: 64, stride: 4 },
      C2: { node: 'res2c_out', channels: 256, stride: 4 },
      C3: { node: 'res3d_out', channels: 512, stride: 8 },
      C4: { node: c4, channels: 1024, stride: 16 },
      C5: { node: 'res5c_out', channels: 2048, stride: 32 },
    });
  });

  test('strides in the first 1×1 and in the shortcut of each stage, and nowhere else', () => {
    const strided = resnetGraph('resnet101', true).nodes.filter((node) => 'strides' in node && node.strides[0] > 1);
    expect(strided.map((node) => node.name)).toEqual([
      'conv1',
      'pool1',
      ...[3, 4, 5].flatMap((stage) => [`res${stage}a_branch2a`, `res${stage}a_branch1`]),
    ]);
  });

  test('gives every convolution a bias and every batch norm an epsilon of 0.001', () => {
    for (const node of resnetGraph('resnet50', true).nodes) {
      if (node.op === 'conv2d') expect(node.parameters.bias).toEqual([node.channels]);
      if (node.op === 'batchNorm') expect(node.epsilon).toBe(1e-3);
    }
  });

  test('ends after stage 4 when stage 5 is off, and is otherwise the same', () => {
    const [whole, cut] = [resnetGraph('resnet50', true), resnetGraph('resnet50', false)];
    expect(levelsOf(whole)).toEqual(['C1', 'C2', 'C3', 'C4', 'C5']);
    expect(levelsOf(cut)).toEqual(['C1', 'C2', 'C3', 'C4']);
    expect(cut.nodes).toEqual(whole.nodes.slice(0, cut.nodes.length));
    expect(cut.nodes.at(-1)!.name).toBe('res4f_out');
    expect([whole.stage5, cut.stage5]).toEqual([true, false]);
  });

  test('is frozen, and lists every node after its inputs', () => {
    const graph = resnetGraph('resnet101', true);
    for (const part of [graph, graph.nodes, graph.outputs, graph.outputs.C5, ...graph.nodes]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    const known = new Set([graph.input.name]);
    for (const node of graph.nodes) {
      expect(node.inputs.filter((input) => !known.has(input))).toEqual([]);
      known.add(node.name);
    }
  });
});
