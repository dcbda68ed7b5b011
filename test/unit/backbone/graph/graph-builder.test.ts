import { describe, expect, test } from '@jest/globals';
import { GraphBuilder } from '../../../../src/backbone/graph/graph-builder.js';
import { finish, FULL_NORMALIZATION, NO_NORMALIZATION } from '../../../support/graphs.js';

const HEAD = { family: 'test', architecture: 'tiny', stage5: false };

function builderWithConv() {
  const builder = new GraphBuilder('image', 3);
  const conv = builder.conv2d('conv', builder.input, { filters: 8, kernel: 3, stride: 2, bias: false });
  return { builder, conv };
}

describe('GraphBuilder', () => {
  test('multiplies strides and carries channels along', () => {
    const { builder, conv } = builderWithConv();
    const pooled = builder.maxPool('pool', builder.relu('relu', conv), { size: 3, stride: 2, padding: 'same' });
    expect(conv).toEqual({ node: 'conv', channels: 8, stride: 2 });
    expect(pooled).toEqual({ node: 'pool', channels: 8, stride: 4 });
    expect(builder.zeroPad('pad', pooled, 1)).toEqual({ node: 'pad', channels: 8, stride: 4 });
  });

  test('declares kernels as height, width, input channels, filters, and a bias only where there is one', () => {
    const { builder, conv } = builderWithConv();
    builder.conv2d('second', conv, { filters: 5, kernel: 1, bias: true });
    const { nodes } = finish(builder, {});
    expect(nodes[0]!.parameters).toEqual({ kernel: [3, 3, 3, 8] });
    expect(nodes[1]!.parameters).toEqual({ kernel: [1, 1, 8, 5], bias: [5] });
  });

  test('declares what the other layers own: four of a norm, two of a scale, inputs by outputs of a dense layer', () => {
    const { builder, conv } = builderWithConv();
    const pooled = builder.globalPool('pool', builder.scale('scale', builder.batchNorm('norm', conv, 0.5)), 'max');
    builder.softmax('softmax', builder.dense('dense', pooled, 5));
    const { nodes } = finish(builder, {});
    const eight = [8];
    expect(nodes.slice(1).map(({ op, parameters, channels }) => [op, parameters, channels])).toEqual([
      ['batchNorm', { gamma: eight, beta: eight, moving_mean: eight, moving_variance: eight }, 8],
      ['scale', { gamma: eight, beta: eight }, 8],
      ['globalPool', {}, 8],
      ['dense', { kernel: [8, 5], bias: [5] }, 5],
      ['softmax', {}, 5],
    ]);
    expect(nodes[1]).toMatchObject({ epsilon: 0.5, inputs: ['conv'] });
    expect(nodes[3]).toMatchObject({ mode: 'max' });
  });

  test('a group norm has whole groups', () => {
    const { builder, conv } = builderWithConv();
    builder.groupNorm('norm', conv, 4, 0.5);
    const parameters = { gamma: [8], beta: [8] };
    expect(finish(builder, {}).nodes[1]).toMatchObject({ op: 'groupNorm', groups: 4, epsilon: 0.5, parameters });
    expect(() => builder.groupNorm('other', conv, 3, 0.5)).toThrow('other has 8 channels in 3 groups');
  });

  test('says of every node which part of the network it belongs to', () => {
    const builder = new GraphBuilder('image', 3);
    const first = builder.relu('first', builder.input);
    builder.startBlock('stem');
    const second = builder.relu('third', builder.relu('second', first));
    builder.startBlock('top');
    builder.relu('fourth', second);
    expect(finish(builder, {}).nodes.map(({ block }) => block)).toEqual(['', 'stem', 'stem', 'top']);
  });

  test('keeps the normalisation with the input', () => {
    const graph = finish(new GraphBuilder('image', 3), {}, FULL_NORMALIZATION);
    expect(graph.input).toEqual({ name: 'image', channels: 3, normalization: FULL_NORMALIZATION });
  });

  test('takes a top as it comes; only levels are declared', () => {
    const { builder, conv } = builderWithConv();
    const top = builder.globalPool('pool', conv, 'avg');
    expect(builder.build(HEAD, NO_NORMALIZATION, { top }, {}).outputs).toEqual({ top });
  });

  test('refuses a sum of maps that differ in channels or in stride, saying how', () => {
    const { builder, conv } = builderWithConv();
    const wide = builder.conv2d('wide', builder.input, { filters: 16, kernel: 3, stride: 2, bias: false });
    const fine = builder.conv2d('fine', builder.input, { filters: 8, kernel: 3, bias: false });
    expect(() => builder.add('sum', conv, wide)).toThrow(/sum adds 8 channels at stride 2 to 16 channels at stride 2/);
    expect(() => builder.add('sum', conv, fine)).toThrow(/8 channels at stride 2 to 8 channels at stride 1/);
  });

  test('refuses two nodes of one name', () => {
    const { builder, conv } = builderWithConv();
    expect(() => builder.relu('conv', conv)).toThrow('two nodes are named conv');
  });

  test('refuses a level that is not what the architecture declares', () => {
    const { builder, conv } = builderWithConv();
    const build = (declared?: { channels: number; stride: number }) =>
      builder.build(HEAD, NO_NORMALIZATION, { C1: conv }, declared ? { C1: declared } : {});
    expect(() => build({ channels: 8, stride: 4 })).toThrow(/C1 has 8 channels at stride 2, declared are 8 at 4/);
    expect(() => build({ channels: 16, stride: 2 })).toThrow(/declared are 16 at 2/);
    expect(() => build()).toThrow(/C1 has 8 channels/);
    expect(build({ channels: 8, stride: 2 }).outputs.C1).toEqual(conv);
  });
});
