import { describe, expect, test } from '@jest/globals';
import { describeModel } from '../../../../src/backbone/describe-model.js';
import { fpnGraph } from '../../../../src/backbone/graph/fpn-graph.js';
import { levelsOf } from '../../../../src/backbone/graph/graph.js';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { inferShapes } from '../../../../src/backbone/graph/shapes.js';
import { findModel } from '../../../../src/backbone/catalogue.js';

const graph = fpnGraph(resnetGraph('resnet50', true));

describe('fpnGraph', () => {
  test('adds P2 to P6 to the levels, each a step coarser than the one before', () => {
    expect(levelsOf(graph)).toEqual(['C1', 'C2', 'C3', 'C4', 'C5', 'P2', 'P3', 'P4', 'P5', 'P6']);
    const shapes = inferShapes(graph, 1024, 1024);
    const sides = (['P2', 'P3', 'P4', 'P5', 'P6'] as const).map((level) => shapes.get(graph.outputs[level]!.node));
    expect(sides).toEqual([256, 128, 64, 32, 16].map((side) => [side, side, 256]));
    expect(graph.outputs.P6).toEqual({ node: 'fpn_p6', channels: 256, stride: 64 });
  });

  test('adds 3,344,384 parameters and 59.39 GMAC, as published', () => {
    const { pyramid } = describeModel(findModel('mask-rcnn-resnet50'), true, 1024);
    expect(pyramid!.parameters).toBe(3_344_384);
    expect(pyramid!.gmacs).toBeCloseTo(59.39, 2);
  });

  test.each([
    ['mask-rcnn', ['fpn_c5p5', 'fpn_c4p4', 'fpn_p2', 'fpn_p5']],
    ['torchvision', ['fpn.inner_blocks.3', 'fpn.inner_blocks.0', 'fpn.layer_blocks.0', 'fpn.layer_blocks.3']],
    ['detectron2', ['fpn_lateral5', 'fpn_lateral2', 'fpn_output2', 'fpn_output5']],
  ])('%s: its convolutions have their published names, and a bias', (family, names) => {
    const { nodes } = fpnGraph(resnetGraph('resnet50', true, { family }));
    for (const name of names) expect(nodes.find((node) => node.name === name)?.parameters.bias).toEqual([256]);
  });

  test.each([
    ['torchvision-detection-v2', 'batchNorm', 'fpn.inner_blocks.0', 'fpn.inner_blocks.0.1', 'fpn.layer_blocks.3.1'],
    ['detectron2-bn', 'batchNorm', 'fpn_lateral2', 'fpn_lateral2.norm', 'fpn_output5.norm'],
    ['detectron2-gn', 'groupNorm', 'fpn_lateral2', 'fpn_lateral2.norm', 'fpn_output5.norm'],
  ])('%s: a norm (%s) follows each convolution, which has no bias', (family, op, convolution, norm, last) => {
    const { nodes, outputs } = fpnGraph(resnetGraph('resnet50', true, { family }));
    const pyramid = nodes.filter(({ block }) => block === 'fpn');
    expect(pyramid.filter((node) => node.op === 'conv2d').map(({ parameters }) => parameters.bias)).toEqual(
      Array(8).fill(undefined),
    );
    expect(pyramid.filter((node) => node.op === op)).toHaveLength(8);
    expect(pyramid.find(({ name }) => name === norm)).toMatchObject({ op, inputs: [convolution], epsilon: 1e-5 });
    expect(outputs.P5!.node).toBe(last);
    const sum = pyramid.find((node) => node.op === 'add' && node.inputs[1] === norm);
    expect(sum).toBeDefined();
  });

  test('the coarser level is upsampled before it is added', () => {
    const sum = graph.nodes.find((node) => node.name === 'fpn_p2add')!;
    expect(sum.inputs).toEqual(['fpn_p3upsampled', 'fpn_c2p2']);
    expect(graph.nodes.find((node) => node.name === 'fpn_p3upsampled')!.inputs).toEqual(['fpn_p3add']);
  });

  test('its width is an option', () => {
    expect(fpnGraph(resnetGraph('resnet18', true), { channels: 64 }).outputs.P4!.channels).toBe(64);
  });

  test('keeps the backbone as it is', () => {
    const backbone = resnetGraph('resnet50', true);
    expect(graph.nodes.slice(0, backbone.nodes.length)).toEqual(backbone.nodes);
    expect(graph.nodes.slice(backbone.nodes.length).every((node) => node.block === 'fpn')).toBe(true);
  });

  test('refuses strides that do not double, naming them', () => {
    const preactivated = resnetGraph('resnet50v2', true, { family: 'keras-v2' });
    expect(() => fpnGraph(preactivated)).toThrow(
      expect.objectContaining({ code: 'levels-unsuitable', message: expect.stringContaining('8, 16, 32, 32') }),
    );
    expect(describeModel(findModel('keras-v2-resnet50v2'), true, 256).pyramid).toBeNull();
  });

  test('refuses a backbone without stage 5', () => {
    expect(() => fpnGraph(resnetGraph('resnet50', false))).toThrow(expect.objectContaining({ code: 'level-absent' }));
  });

  test('refuses sizes at which the maps do not double', () => {
    const small = fpnGraph(resnetGraph('resnet18', true, { family: 'basic-small-stem' }));
    expect(() => inferShapes(small, 224, 224)).toThrow(expect.objectContaining({ code: 'option-invalid' }));
  });
});
