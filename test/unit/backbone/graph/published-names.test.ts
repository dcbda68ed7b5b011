import { describe, expect, test } from '@jest/globals';
import { findModel, listModels, modelGraph } from '../../../../src/backbone/catalogue.js';

/** Layers with parameters that published files have, and some that they do not have. */
const LAYERS: [string, { readonly has: string[]; readonly lacks: string[] }][] = [
  [
    'mask-rcnn-resnet50',
    {
      has: ['conv1', 'bn_conv1', 'res2a_branch1', 'bn2a_branch2a', 'res4f_branch2c', 'bn5c_branch2b'],
      lacks: ['res2b_branch1', 'res4g_branch2a', 'res2a_branch2d', 'bn1'],
    },
  ],
  ['mask-rcnn-resnet101', { has: ['res4w_branch2c', 'bn4w_branch2c', 'res3d_branch2a'], lacks: ['res4x_branch2a'] }],
  ['mask-rcnn-resnet18', { has: ['res3a_branch1', 'res2b_branch2b'], lacks: ['res2a_branch1', 'res2a_branch2c'] }],
  [
    'keras-resnet101',
    {
      has: [
        'conv1_conv',
        'conv1_bn',
        'conv2_block1_0_conv',
        'conv2_block1_0_bn',
        'conv4_block23_3_conv',
        'predictions',
      ],
      lacks: ['conv2_block2_0_conv', 'conv4_block24_1_conv', 'conv2_block0_1_conv', 'post_bn'],
    },
  ],
  ['keras-resnet152', { has: ['conv3_block8_3_bn', 'conv4_block36_2_conv'], lacks: ['conv3_block9_1_conv'] }],
  [
    'keras-legacy-resnet50',
    { has: ['conv1', 'res2a_branch2a', 'bn4f_branch2c', 'res5c_branch2c', 'fc1000'], lacks: ['scale_conv1'] },
  ],
  [
    'keras-v2-resnet50v2',
    {
      has: ['conv2_block1_preact_bn', 'conv2_block1_0_conv', 'conv4_block6_3_conv', 'conv5_block3_2_bn', 'post_bn'],
      lacks: ['conv1_bn', 'conv2_block1_0_bn', 'conv2_block1_3_bn', 'conv2_block3_0_conv'],
    },
  ],
  ['keras-v2-resnet152v2', { has: ['conv3_block8_1_bn', 'conv4_block36_preact_bn'], lacks: ['conv4_block37_1_conv'] }],
  [
    'scale-resnet101',
    {
      has: [
        'scale_conv1',
        'res3b3_branch2a',
        'res4b22_branch2a',
        'bn4b22_branch2c',
        'scale4b22_branch2c',
        'scale2a_branch1',
      ],
      lacks: ['res4b23_branch2a', 'res3b_branch2a', 'res2b1_branch2a', 'res4b0_branch2a', 'res5b1_branch2a'],
    },
  ],
  [
    'scale-resnet152',
    { has: ['res3b7_branch2c', 'scale4b35_branch2b', 'res5c_branch2a', 'fc1000'], lacks: ['res3b8_branch2a'] },
  ],
  [
    'slim-v2-resnet152v2',
    {
      has: [
        'resnet_v2_152/conv1',
        'resnet_v2_152/block1/unit_1/bottleneck_v2/preact',
        'resnet_v2_152/block1/unit_1/bottleneck_v2/shortcut',
        'resnet_v2_152/block2/unit_8/bottleneck_v2/conv1/BatchNorm',
        'resnet_v2_152/block3/unit_36/bottleneck_v2/conv3',
        'resnet_v2_152/postnorm',
        'resnet_v2_152/logits',
      ],
      lacks: [
        'resnet_v2_152/conv1/BatchNorm',
        'resnet_v2_152/block1/unit_2/bottleneck_v2/shortcut',
        'resnet_v2_152/block1/unit_1/bottleneck_v2/conv3/BatchNorm',
        'resnet_v2_152/block3/unit_37/bottleneck_v2/conv1',
      ],
    },
  ],
  [
    'slim-v2-resnet200v2',
    {
      has: ['resnet_v2_200/block2/unit_24/bottleneck_v2/conv2'],
      lacks: ['resnet_v2_200/block2/unit_25/bottleneck_v2/conv1'],
    },
  ],
  [
    'torchvision-resnet50',
    {
      has: ['conv1', 'bn1', 'layer1.0.downsample.0', 'layer1.0.downsample.1', 'layer3.5.bn3', 'layer4.2.conv3', 'fc'],
      lacks: ['layer1.1.downsample.0', 'layer3.6.conv1', 'layer0.0.conv1', 'layer1.0.downsample'],
    },
  ],
  ['torchvision-resnet101', { has: ['layer3.22.conv3'], lacks: ['layer3.22.downsample.0', 'layer3.23.conv1'] }],
  [
    'torchvision-resnet18',
    {
      has: ['layer1.0.conv2', 'layer2.0.downsample.0', 'layer4.1.bn2'],
      lacks: ['layer1.0.downsample.0', 'layer1.0.conv3'],
    },
  ],
  [
    'torchvision-detection-resnet50',
    { has: ['conv1', 'bn1', 'layer1.0.downsample.1', 'layer4.2.bn3'], lacks: ['body.conv1'] },
  ],
  [
    'torchvision-detection-v2-resnet50',
    { has: ['conv1', 'bn1', 'layer1.0.downsample.1', 'layer4.2.bn3'], lacks: ['body.conv1'] },
  ],
  ...['detectron2-bn-resnet101', 'detectron2-gn-resnet101'].map(
    (model): [string, { has: string[]; lacks: string[] }] => [
      model,
      { has: ['stem.conv1.norm', 'res2.0.shortcut.norm', 'res4.22.conv3.norm'], lacks: ['res4.23.conv1', 'bn1'] },
    ],
  ),
  [
    'detectron2-resnet101',
    {
      has: [
        'stem.conv1',
        'stem.conv1.norm',
        'res2.0.shortcut',
        'res2.0.shortcut.norm',
        'res4.22.conv3',
        'res4.22.conv3.norm',
      ],
      lacks: ['res2.1.shortcut', 'res4.23.conv1', 'res1.0.conv1', 'bn1'],
    },
  ],
  [
    'basic-small-stem-resnet18',
    {
      has: ['stem_conv', 'stem_bn', 'stage2_block1_conv1', 'stage3_block1_downsample', 'stage5_block2_bn2', 'fc'],
      lacks: ['stage2_block1_downsample', 'stage3_block1_bn0', 'stage2_block3_conv1'],
    },
  ],
];

describe('the layers of published files', () => {
  test.each(LAYERS)('%s', (model, { has, lacks }) => {
    const graph = modelGraph(findModel(model), true, { includeTop: true });
    const layers = graph.nodes.filter((node) => Object.keys(node.parameters).length > 0).map((node) => node.name);
    expect(layers).toEqual(expect.arrayContaining(has));
    expect(layers.filter((layer) => lacks.includes(layer))).toEqual([]);
  });

  test('of every family', () => {
    const families = new Set(LAYERS.map(([model]) => findModel(model).family));
    expect(families).toEqual(new Set(listModels().map(({ family }) => family)));
  });
});

// Layers without parameters whose names users know: inputs, pools, and what the levels leave from.
test.each([
  ['mask-rcnn-resnet101', 'input_image', ['pool1', 'res2c_out', 'res3d_out', 'res4w_out', 'res5c_out']],
  [
    'keras-resnet50',
    'input_1',
    ['pool1_pool', 'conv2_block3_out', 'conv3_block4_out', 'conv4_block6_out', 'conv5_block3_out'],
  ],
  [
    'keras-v2-resnet50v2',
    'input_1',
    ['pool1_pool', 'conv2_block3_out', 'conv3_block4_out', 'conv4_block6_out', 'conv5_block3_out'],
  ],
  ['scale-resnet101', 'data', ['pool1', 'res2c_out', 'res3b3_out', 'res4b22_out', 'res5c_out']],
  [
    'slim-v2-resnet50v2',
    'images',
    ['resnet_v2_50/pool1', ...[3, 4, 6, 3].map((n, i) => `resnet_v2_50/block${i + 1}/unit_${n}/bottleneck_v2`)],
  ],
  ['torchvision-resnet50', 'input', ['maxpool', 'layer1.2', 'layer2.3', 'layer3.5', 'layer4.2']],
  ['detectron2-resnet50', 'input', ['maxpool', 'res2.2', 'res3.3', 'res4.5', 'res5.2']],
])('%s reads %s, and its levels leave from %j', (model, input, ends) => {
  const graph = modelGraph(findModel(model), true);
  expect(graph.input).toMatchObject({ name: input, channels: 3 });
  expect(Object.values(graph.outputs).map(({ node }) => node)).toEqual(ends);
});

test.each(listModels())('$name gives no two layers one name', (model) => {
  const { input, nodes } = modelGraph(model, true, { includeTop: true });
  const names = [input.name, ...nodes.map(({ name }) => name)];
  expect(new Set(names).size).toBe(names.length);
});
