import { describe, expect, test } from '@jest/globals';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';

/** Names of the layers that have parameters, in the graph's order. */
function layersOf(architecture: string, stage5 = true): string[] {
  return resnetGraph(architecture, stage5)
    .nodes.filter((node) => Object.keys(node.parameters).length > 0)
    .map((node) => node.name);
}

describe('Matterport’s networks', () => {
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
});

test('a graph without further wishes is one of Matterport’s', () => {
  expect(resnetGraph('resnet50', true)).toMatchObject({ family: 'mask-rcnn', architecture: 'resnet50', stage5: true });
});

describe('what is not in the tables is refused, naming what is', () => {
  const refused: [string, Parameters<typeof resnetGraph>, string, RegExp][] = [
    ['an architecture', ['resnet51', true], 'model-unknown', /no architecture "resnet51"; known: resnet18, .*200v2/],
    ['a word of the language', ['toString', true], 'model-unknown', /no architecture "toString"/],
    ['a family', ['resnet50', true, { family: 'caffe' }], 'model-unknown', /no family "caffe"; known: mask-rcnn, /],
    ['a word for a family', ['resnet50', true, { family: '__proto__' }], 'model-unknown', /no family "__proto__"/],
    [
      'a pair',
      ['resnet50', true, { family: 'scale' }],
      'model-unknown',
      /family scale has no resnet50; it has resnet101, resnet152/,
    ],
    ['a kind of block', ['resnet50v2', true], 'model-unknown', /mask-rcnn has no resnet50v2/],
    ['a classifier without stage 5', ['resnet50', false, { includeTop: true }], 'option-invalid', /needs stage 5/],
    ['a pooling without stage 5', ['resnet50', false, { pooling: 'avg' }], 'option-invalid', /needs stage 5/],
  ];
  test.each(refused)('%s', (_, asked, code, message) => {
    expect(() => resnetGraph(...asked)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
