import { describe, expect, test } from '@jest/globals';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { sizeOf, summarize } from '../../../../src/backbone/graph/summary.js';
import { fixtureGraph, preactivationGraph } from '../../../support/graphs.js';

describe('summarize', () => {
  test('gives one row a node, with shape, parameters and multiply-adds', () => {
    const { rows } = summarize(fixtureGraph(), 10, 20);
    expect(rows).toEqual([
      { name: 'conv1', op: 'conv2d', shape: [10, 20, 2], parameters: 8, macs: 1200, inputs: ['image'] },
      { name: 'bn_conv1', op: 'batchNorm', shape: [10, 20, 2], parameters: 8, macs: 0, inputs: ['conv1'] },
      { name: 'out', op: 'relu', shape: [10, 20, 2], parameters: 0, macs: 0, inputs: ['bn_conv1'] },
    ]);
  });

  test('totals are those of the rows; moving statistics are not trainable', () => {
    const { parameters, macs } = summarize(fixtureGraph(), 10);
    expect(parameters).toEqual({ total: 16, trainable: 12, nonTrainable: 4 });
    expect(macs).toBe(600);
  });

  test('a dense layer multiplies and adds once for each of its weights; a scale counts none', () => {
    const rows = summarize(preactivationGraph(), 64).rows.filter(({ op }) => op === 'dense' || op === 'scale');
    expect(rows.map(({ name, parameters, macs }) => [name, parameters, macs])).toEqual([
      ['inner_scale', 8, 0],
      ['post_scale', 10, 0],
      ['logits', 5 * 7 + 7, 5 * 7],
    ]);
  });

  test('the stem of Matterport has 9,472 and 256 parameters', () => {
    const { rows } = summarize(resnetGraph('resnet50', true), 64);
    const row = (name: string) => rows.find((candidate) => candidate.name === name);
    expect(row('conv1')).toMatchObject({ shape: [32, 32, 64], parameters: 9472, macs: 7 * 7 * 3 * 64 * 32 * 32 });
    expect(row('bn_conv1')).toMatchObject({ parameters: 256, macs: 0 });
  });

  test('stage 5 has 14,998,528 of the parameters of both architectures', () => {
    for (const architecture of ['resnet50', 'resnet101']) {
      const [whole, cut] = [true, false].map((stage5) => summarize(resnetGraph(architecture, stage5), 64).parameters);
      expect(whole!.total - cut!.total).toBe(14_998_528);
    }
  });
});

test('sizeOf multiplies the axes; a shape without axes is one number', () => {
  expect(sizeOf([2, 3, 4])).toBe(24);
  expect(sizeOf([])).toBe(1);
  expect(sizeOf([5, 0])).toBe(0);
});
