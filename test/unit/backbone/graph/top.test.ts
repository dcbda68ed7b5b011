import { describe, expect, test } from '@jest/globals';
import type { TopOptions } from '../../../../src/backbone/graph/resnet-graph.js';
import { inferShapes } from '../../../../src/backbone/graph/shapes.js';
import { findModel, modelGraph } from '../../../../src/backbone/catalogue.js';

function topOf(model: string, options: TopOptions) {
  const graph = modelGraph(findModel(model), true, options);
  const after = graph.nodes.filter(({ block }) => block === 'top');
  return { graph, ops: after.map(({ op }) => op), last: after.at(-1), output: graph.outputs.top };
}

describe('a classifier', () => {
  test.each([
    ['keras-resnet50', ['globalPool', 'dense', 'softmax'], 'predictions', [2048, 1000], 32],
    ['keras-v2-resnet50v2', ['batchNorm', 'relu', 'globalPool', 'dense', 'softmax'], 'predictions', [2048, 1000], 32],
    ['scale-resnet101', ['averagePool', 'dense', 'softmax'], 'fc1000', [2048, 1000], 224],
    [
      'slim-v2-resnet50v2',
      ['batchNorm', 'relu', 'globalPool', 'conv2d', 'softmax'],
      'resnet_v2_50/logits',
      [1, 1, 2048, 1000],
      32,
    ],
    ['torchvision-resnet18', ['globalPool', 'dense', 'softmax'], 'fc', [512, 1000], 32],
    ['detectron2-resnet50', ['globalPool', 'dense', 'softmax'], 'linear', [2048, 1000], 32],
    ['basic-small-stem-resnet18', ['globalPool', 'dense', 'softmax'], 'fc', [512, 1000], 8],
  ])('of %s is %j', (model, expected, name, kernel, stride) => {
    const { graph, ops, last, output } = topOf(model, { includeTop: true });
    expect(ops).toEqual(expected);
    expect(graph.nodes.find((node) => node.name === name)!.parameters).toEqual({ kernel, bias: [1000] });
    expect(output).toEqual({ node: last!.name, channels: 1000, stride });
  });

  test('has as many classes as are asked for, and gives logits instead of probabilities', () => {
    const { ops, output } = topOf('keras-resnet50', { includeTop: true, classes: 7, classifierActivation: 'none' });
    expect(ops).toEqual(['globalPool', 'dense']);
    expect(output).toEqual({ node: 'predictions', channels: 7, stride: 32 });
  });

  test('takes no pooling besides its own', () => {
    expect(topOf('keras-resnet50', { includeTop: true, pooling: 'max' })).toEqual(
      topOf('keras-resnet50', { includeTop: true }),
    );
  });

  test('works at every size, unless its average pool is made for one', () => {
    const { graph } = topOf('keras-resnet50', { includeTop: true });
    for (const size of [64, 224, 1024]) expect(inferShapes(graph, size, size).get('predictions')).toEqual([1, 1, 1000]);
    const fixed = topOf('scale-resnet101', { includeTop: true }).graph;
    expect(inferShapes(fixed, 224, 224).get('fc1000')).toEqual([1, 1, 1000]);
    for (const [size, message] of [
      [64, /no map is left for avg_pool/],
      [1024, /fc1000 is made for images of another size than 1024×1024; 224 is usual/],
    ] as const) {
      expect(() => inferShapes(fixed, size, size)).toThrow(
        expect.objectContaining({ code: 'option-invalid', message: expect.stringMatching(message) }),
      );
    }
  });
});

describe('without a classifier', () => {
  test.each(['avg', 'max'] as const)('the last map is pooled: %s', (pooling) => {
    const { ops, last, output } = topOf('keras-resnet50', { pooling });
    expect(ops).toEqual(['globalPool']);
    expect(last).toMatchObject({ mode: pooling, inputs: ['conv5_block3_out'] });
    expect(output).toEqual({ node: last!.name, channels: 2048, stride: 32 });
  });

  test('a pre-activation network pools what its last norm and activation give', () => {
    expect(topOf('keras-v2-resnet50v2', { pooling: 'avg' }).last!.inputs).toEqual(['post_relu']);
  });

  test('nothing leaves but the levels', () => {
    expect(topOf('keras-resnet50', {}).output).toBeUndefined();
    expect(topOf('keras-resnet50', {}).ops).toEqual([]);
    // The norm and the activation at the end are layers of the published network all the same.
    expect(
      topOf('keras-v2-resnet50v2', {})
        .graph.nodes.slice(-2)
        .map(({ name }) => name),
    ).toEqual(['post_bn', 'post_relu']);
  });
});
