import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { FAMILIES, type FamilyName } from '../../../../src/backbone/graph/families.js';
import type { ParameterName } from '../../../../src/backbone/graph/graph.js';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import {
  isUnnamedVariable,
  namedVariable,
  numberedVariables,
} from '../../../../src/backbone/weights/keras-variables.js';
import { kerasKeys, kerasLayer, namingsOf, type Naming } from '../../../../src/backbone/weights/naming.js';
import { fixturePath } from '../../../support/fixtures.js';

describe('names of Keras', () => {
  test.each([
    // Keras 2, and what TensorFlow makes of a model that is built twice
    ['conv1/conv1/kernel', 'conv1/kernel', 'conv1'],
    ['conv1/conv1_1/kernel', 'conv1/kernel', 'conv1'],
    ['bn2a_branch1/bn2a_branch1/moving_variance', 'bn2a_branch1/moving_variance', 'bn2a_branch1'],
    ['conv1_conv/conv1_conv_2/kernel', 'conv1_conv/kernel', 'conv1_conv'],
    // older, and files of one's own
    ['conv1/kernel', 'conv1/kernel', 'conv1'],
    ['conv1.kernel', 'conv1/kernel', 'conv1'],
    ['layer1.0.bn1.gamma', 'layer1.0.bn1/gamma', 'layer1.0.bn1'],
    // Keras 1
    ['conv1/conv1_W', 'conv1/kernel', 'conv1'],
    ['conv1/conv1_W_1', 'conv1/kernel', 'conv1'],
    ['res2a_branch2a/res2a_branch2a_b_1', 'res2a_branch2a/bias', 'res2a_branch2a'],
    ['bn_conv1/bn_conv1_gamma_1', 'bn_conv1/gamma', 'bn_conv1'],
    ['bn_conv1/bn_conv1_running_mean_1', 'bn_conv1/moving_mean', 'bn_conv1'],
    ['bn_conv1/bn_conv1_running_std', 'bn_conv1/moving_variance', 'bn_conv1'],
    // Scale layers
    ['scale_conv1/scale_conv1_gamma', 'scale_conv1/gamma', 'scale_conv1'],
    ['scale3b1_branch2a/scale3b1_branch2a/scale3b1_branch2a_beta', 'scale3b1_branch2a/beta', 'scale3b1_branch2a'],
    // layers in a nested model, and names that have slashes
    ['rpn_model/rpn_conv_shared/bias', 'rpn_conv_shared/bias', 'rpn_conv_shared'],
    ['layers/conv1_conv/kernel', 'conv1_conv/kernel', 'conv1_conv'],
    [
      'resnet_v2_50/block1/unit_1/bottleneck_v2/conv1/kernel',
      'resnet_v2_50/block1/unit_1/bottleneck_v2/conv1/kernel',
      'conv1',
    ],
  ])('%s may be %s', (path, key, layer) => {
    expect(kerasKeys(path)).toContain(key);
    expect(kerasLayer(path)).toBe(layer);
  });

  test.each(['layer1.0.conv1.weight', 'kernel', '.kernel', 'conv1/weight', 'conv1/other_W', 'conv1/conv1_kernels', ''])(
    '%s is no parameter',
    (path) => {
      expect(kerasKeys(path)).toEqual([]);
    },
  );

  test('the whole group comes before the outermost, and that before the innermost', () => {
    expect(kerasKeys('model/conv1/kernel')).toEqual(['model/conv1/kernel', 'model/kernel', 'conv1/kernel']);
  });
});

describe('variables of Keras 3', () => {
  test.each([
    ['layers/conv2d_12/vars/0', 'conv2_block1_0_conv', 'layers/conv2_block1_0_conv/kernel'],
    ['layers/conv2d/vars/1', 'conv1_conv', 'layers/conv1_conv/bias'],
    ['layers/batch_normalization_3/vars/3', 'bn', 'layers/bn/moving_variance'],
    ['layers/batch_norm/vars/2', 'bn', 'layers/bn/moving_mean'],
    ['layers/dense/vars/0', 'predictions', 'layers/predictions/kernel'],
    ['layers/scale_4/vars/1', 'scale5a', 'layers/scale5a/beta'],
    ['layers/functional/layers/conv2d/vars/0', 'conv1', 'layers/functional/layers/conv1/kernel'],
  ])('%s of a layer called %s is %s', (path, layer, named) => {
    expect(isUnnamedVariable(path)).toBe(true);
    expect(namedVariable(path, layer)).toBe(named);
  });

  test.each([
    'optimizer/vars/3',
    'layers/conv2d/vars/2',
    'layers/normalization/vars/0',
    'layers/conv1/kernel',
    'vars/0',
  ])('%s keeps its path', (path) => {
    expect(isUnnamedVariable(path)).toBe(false);
    expect(namedVariable(path, 'layer')).toBe(path);
  });

  const published = JSON.parse(readFileSync(fixturePath('weights/keras-layer-numbers.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  test.each([
    ['ResNet50', 'keras', 'resnet50'],
    ['ResNet101V2', 'keras-v2', 'resnet101v2'],
  ] as const)('the layers of %s are numbered as Keras numbers them', (application, family, architecture) => {
    for (const options of [{ family, includeTop: true }, { family }]) {
      const graph = resnetGraph(architecture, true, options);
      const variables = numberedVariables(graph);
      const layers = graph.nodes.filter((node) => Object.keys(node.parameters).length > 0);
      const numbers = layers.map((node): [string, string] => {
        const [first] = Object.keys(node.parameters) as [ParameterName];
        return [variables(node, first)[0]!.replace(/\/vars\/0$/, ''), node.name];
      });
      const expected = Object.entries(published[application]!).filter(
        ([, layer]) => 'includeTop' in options || layer !== 'predictions',
      );
      expect(Object.fromEntries(numbers)).toEqual(Object.fromEntries(expected));
    }
  });
});

/** The conventions for a family, and a function that gives the names of one of its layers. */
function names(family: string, architecture: string, layer: string, parameter: ParameterName): string[] {
  const graph = resnetGraph(architecture, true, { family, includeTop: true });
  const node = graph.nodes.find(({ name }) => name === layer)!;
  return namingsOf(graph).flatMap((naming: Naming) => naming.names(node, parameter));
}

describe('names of PyTorch and TensorFlow', () => {
  test('torchvision’s stand alone, in a parallel model, and in the backbones of detectors', () => {
    const found = names('torchvision', 'resnet18', 'layer2.0.downsample.1', 'moving_variance');
    const word = 'layer2.0.downsample.1.running_var';
    expect(found[0]).toBe(word);
    expect(found).toEqual(expect.arrayContaining([`module.${word}`, `backbone.${word}`, `backbone.body.${word}`]));
    expect(found.at(-1)).toBe('layer2.0.downsample.1/moving_variance');
    const of = (parameter: ParameterName) => names('torchvision', 'resnet18', 'bn1', parameter)[0];
    expect((['gamma', 'beta', 'moving_mean'] as const).map(of)).toEqual(['bn1.weight', 'bn1.bias', 'bn1.running_mean']);
  });

  test('of the same names, those of detectors usually stand in a detector', () => {
    expect(names('torchvision-detection', 'resnet50', 'conv1', 'kernel')[0]).toBe('backbone.body.conv1.weight');
    expect(names('torchvision', 'resnet50', 'conv1', 'kernel')[0]).toBe('conv1.weight');
  });

  test('a classifier may stand outside of the backbone', () => {
    expect(names('torchvision', 'resnet50', 'fc', 'kernel')).toEqual(
      expect.arrayContaining(['backbone.body.fc.weight', 'fc.weight']),
    );
  });

  test('Detectron2’s stand in its models or alone', () => {
    const wrappers = ['', 'module.', 'model.', '_orig_mod.', 'module._orig_mod.'];
    expect(names('detectron2', 'resnet50', 'res2.0.conv1.norm', 'beta')).toEqual([
      ...wrappers.flatMap((around) =>
        ['backbone.bottom_up.', 'bottom_up.', ''].map((place) => `${around}${place}res2.0.conv1.norm.bias`),
      ),
      'res2.0.conv1.norm/beta',
    ]);
  });

  test('slim’s', () => {
    const unit = 'resnet_v2_50/block1/unit_1/bottleneck_v2';
    expect(names('slim-v2', 'resnet50v2', `${unit}/conv1`, 'kernel')).toContain(`${unit}/conv1/weights`);
    expect(names('slim-v2', 'resnet50v2', `${unit}/shortcut`, 'bias')).toContain(`model/${unit}/shortcut/biases`);
    expect(names('slim-v2', 'resnet50v2', `${unit}/preact`, 'gamma')).toContain(`${unit}/preact/gamma`);
  });

  test.each(Object.keys(FAMILIES) as FamilyName[])('%s takes files of the graph’s own names', (family) => {
    const graph = resnetGraph(FAMILIES[family].architectures[0]!, true, { family });
    const own = namingsOf(graph).filter(({ layout }) => layout === 'hwio');
    for (const node of graph.nodes) {
      for (const parameter of Object.keys(node.parameters) as ParameterName[]) {
        const path = `${node.name}/${parameter}`;
        expect(
          own.some((naming) => naming.names(node, parameter).some((name) => naming.keys(path).includes(name))),
        ).toBe(true);
      }
    }
  });
});
