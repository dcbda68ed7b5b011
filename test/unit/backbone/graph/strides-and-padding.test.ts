import { describe, expect, test } from '@jest/globals';
import type { Graph, Padding } from '../../../../src/backbone/graph/graph.js';
import { findModel, modelGraph } from '../../../../src/backbone/catalogue.js';

const graphOf = (model: string) => modelGraph(findModel(model), true);

// Beside the stem. Published figures of one architecture differ with these places alone.
test.each([
  ['mask-rcnn-resnet101', [3, 4, 5].flatMap((stage) => [`res${stage}a_branch2a`, `res${stage}a_branch1`])],
  ['mask-rcnn-resnet18', [3, 4, 5].flatMap((stage) => [`res${stage}a_branch2a`, `res${stage}a_branch1`])],
  ['keras-resnet50', [3, 4, 5].flatMap((stage) => [`conv${stage}_block1_1_conv`, `conv${stage}_block1_0_conv`])],
  ['keras-legacy-resnet50', [3, 4, 5].flatMap((stage) => [`res${stage}a_branch2a`, `res${stage}a_branch1`])],
  [
    'keras-v2-resnet50v2',
    ['2_block3', '3_block4', '4_block6'].flatMap((block) => [`conv${block}_0_pool`, `conv${block}_2_conv`]),
  ],
  ['scale-resnet101', [3, 4, 5].flatMap((stage) => [`res${stage}a_branch2a`, `res${stage}a_branch1`])],
  [
    'slim-v2-resnet50v2',
    ['block1/unit_3', 'block2/unit_4', 'block3/unit_6']
      .map((unit) => `resnet_v2_50/${unit}/bottleneck_v2`)
      .flatMap((unit) => [expect.stringContaining(unit), `${unit}/conv2`]),
  ],
  ['torchvision-resnet18', [2, 3, 4].flatMap((layer) => [`layer${layer}.0.conv1`, `layer${layer}.0.downsample.0`])],
  ['torchvision-resnet50', [2, 3, 4].flatMap((layer) => [`layer${layer}.0.conv2`, `layer${layer}.0.downsample.0`])],
  [
    'torchvision-detection-resnet50',
    [2, 3, 4].flatMap((layer) => [`layer${layer}.0.conv2`, `layer${layer}.0.downsample.0`]),
  ],
  ['detectron2-resnet50', [3, 4, 5].flatMap((stage) => [`res${stage}.0.conv1`, `res${stage}.0.shortcut`])],
  [
    'basic-small-stem-resnet18',
    [3, 4, 5].flatMap((stage) => [`stage${stage}_block1_conv1`, `stage${stage}_block1_downsample`]),
  ],
])('%s steps in these layers and nowhere else', (model, expected) => {
  const blocks = graphOf(model).nodes.filter((node) => node.block !== 'stem' && 'strides' in node);
  const strided = blocks.filter((node) => 'strides' in node && node.strides[0] > 1);
  expect(strided.map((node) => node.name)).toEqual(expected);
  for (const node of strided) expect(node).toMatchObject({ strides: [2, 2] });
});

/** Layers of the stem up to its pool that pad or step: name, stride, padding (a number in a list is a layer's margin). */
function stemOf(graph: Graph): unknown[] {
  return graph.nodes.flatMap((node): unknown[][] => {
    if (node.block !== 'stem') return [];
    if (node.op === 'zeroPad') return [[node.name, Object.values(node.margins)]];
    return 'padding' in node ? [[node.name, node.strides[0], node.padding]] : [];
  });
}

describe('the stem', () => {
  const three = [3, 3, 3, 3];
  const one = [1, 1, 1, 1];
  test.each([
    [
      'mask-rcnn-resnet50',
      [
        ['conv1_pad', three],
        ['conv1', 2, 'valid'],
        ['pool1', 2, 'same'],
      ],
    ],
    [
      'keras-legacy-resnet50',
      [
        ['conv1_pad', three],
        ['conv1', 2, 'valid'],
        ['pool1_pad', one],
        ['pool1', 2, 'valid'],
      ],
    ],
    [
      'keras-resnet50',
      [
        ['conv1_pad', three],
        ['conv1_conv', 2, 'valid'],
        ['pool1_pad', one],
        ['pool1_pool', 2, 'valid'],
      ],
    ],
    [
      'keras-v2-resnet50v2',
      [
        ['conv1_pad', three],
        ['conv1_conv', 2, 'valid'],
        ['pool1_pad', one],
        ['pool1_pool', 2, 'valid'],
      ],
    ],
    [
      'scale-resnet101',
      [
        ['conv1_pad', three],
        ['conv1', 2, 'valid'],
        ['pool1', 2, 'valid'],
      ],
    ],
    [
      'slim-v2-resnet50v2',
      [
        ['resnet_v2_50/conv1', 2, 3],
        ['resnet_v2_50/pool1', 2, 'same'],
      ],
    ],
    [
      'torchvision-resnet50',
      [
        ['conv1', 2, 3],
        ['maxpool', 2, 1],
      ],
    ],
    [
      'detectron2-resnet50',
      [
        ['stem.conv1', 2, 3],
        ['maxpool', 2, 1],
      ],
    ],
    [
      'basic-small-stem-resnet18',
      [
        ['stem_conv', 1, 'valid'],
        ['stem_pool', 1, 'same'],
      ],
    ],
  ])('of %s is padded as published', (model, expected) => {
    expect(stemOf(graphOf(model))).toEqual(expected);
  });

  test.each([
    ['keras-resnet50', ['zeroPad', 'conv2d', 'batchNorm', 'relu', 'zeroPad', 'maxPool']],
    ['scale-resnet101', ['zeroPad', 'conv2d', 'batchNorm', 'scale', 'relu', 'maxPool']],
    ['keras-v2-resnet50v2', ['zeroPad', 'conv2d', 'zeroPad', 'maxPool']],
    ['slim-v2-resnet50v2', ['conv2d', 'maxPool']],
    ['torchvision-resnet18', ['conv2d', 'batchNorm', 'relu', 'maxPool']],
  ])('of %s is %j', (model, ops) => {
    const stem = graphOf(model).nodes.filter(({ block }) => block === 'stem');
    expect(stem.map(({ op }) => op)).toEqual(ops);
  });
});

// The 3×3 convolutions of the blocks: those that keep the size, and those that step.
test.each<[string, Padding | 'layer', Padding | 'layer' | undefined]>([
  ['mask-rcnn-resnet50', 'same', undefined],
  ['mask-rcnn-resnet18', 'same', 'same'],
  ['keras-resnet50', 'same', undefined],
  ['keras-v2-resnet50v2', 'layer', 'layer'],
  ['scale-resnet101', 'layer', undefined],
  ['slim-v2-resnet50v2', 'same', 1],
  ['torchvision-resnet50', 1, 1],
  ['detectron2-resnet50', 1, undefined],
  ['basic-small-stem-resnet18', 'same', 'same'],
])('%s pads its 3×3 by %s, where they step by %s', (model, unstrided, strided) => {
  const { nodes } = graphOf(model);
  const padding = new Map([1, 2].map((stride) => [stride, new Set<unknown>()]));
  for (const node of nodes) {
    if (node.op !== 'conv2d' || node.kernelSize[0] !== 3 || node.block === 'stem') continue;
    const before = nodes.find(({ name }) => name === node.inputs[0])!;
    const layer = before.op === 'zeroPad' && node.padding === 'valid';
    padding.get(node.strides[0])!.add(layer ? 'layer' : node.padding);
  }
  expect([...padding.get(1)!]).toEqual([unstrided]);
  expect([...padding.get(2)!]).toEqual(strided === undefined ? [] : [strided]);
});
