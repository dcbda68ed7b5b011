import { describe, expect, test } from '@jest/globals';
import { foldAffine, type AffineNode } from '../../../../src/backbone/engine/fold-affine.js';
import { Plan } from '../../../../src/backbone/engine/plan.js';
import type { GraphBuilder, FeatureMap } from '../../../../src/backbone/graph/graph-builder.js';
import type { Graph } from '../../../../src/backbone/graph/graph.js';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { graphOf, preactivationGraph, randomWeights, tinyGraph, weightsOf } from '../../../support/graphs.js';
import { planned } from '../../../support/planned.js';

const CONV = { filters: 4, kernel: 3, bias: true } as const;

describe('norms and scales', () => {
  const row = (builder: GraphBuilder, x: FeatureMap) => builder.scale('scale', builder.batchNorm('norm', x, 1e-3));

  test('go into the convolution before them, which bears the name', () => {
    const graph = graphOf((b) => ({ C1: b.relu('relu', row(b, b.conv2d('conv', b.input, CONV))) }));
    const { names, step } = planned(graph);
    expect(names).toEqual(['conv', 'relu']);
    expect(step('relu').inputs).toEqual(['conv']);
    expect(step('conv')).not.toMatchObject({ kernel: randomWeights(graph).get('conv', 'kernel') });
  });

  test('may end an output: its value is that of the convolution', () => {
    const graph = graphOf((b) => ({ C1: row(b, b.conv2d('conv', b.input, CONV)) }));
    const { names, outputs } = planned(graph);
    expect(names).toEqual(['conv']);
    expect(outputs).toMatchObject([{ name: 'C1', value: 'conv', shape: [62, 62, 4], signed: true }]);
  });

  test('without a convolution before them are one step of their own', () => {
    const graph = graphOf((b) => ({ C1: b.relu('after', row(b, b.relu('before', b.input))) }));
    const { names, step } = planned(graph);
    expect(names).toEqual(['before', 'norm', 'after']);
    const { factor, offset } = foldAffine(graph.nodes.slice(1, 3) as AffineNode[], 3, randomWeights(graph));
    expect(step('norm')).toEqual({
      op: 'affine',
      name: 'norm',
      inputs: ['before'],
      factor: Float32Array.from(factor),
      offset: Float32Array.from(offset),
    });
    expect(step('after').inputs).toEqual(['norm']);
  });

  const kept: [string, string[], Graph][] = [
    [
      'what is before them has another reader',
      ['conv', 'norm', 'sum'],
      graphOf((b) => {
        const conv = b.conv2d('conv', b.input, CONV);
        return { C1: b.add('sum', row(b, conv), conv) };
      }),
    ],
    [
      'what is before them is read twice, by norms',
      ['conv', 'norm', 'other', 'sum'],
      graphOf((b) => {
        const conv = b.conv2d('conv', b.input, CONV);
        return { C1: b.add('sum', row(b, conv), b.batchNorm('other', conv, 1e-3)) };
      }),
    ],
    [
      'what is before them is an output',
      ['conv', 'norm', 'relu'],
      graphOf((b) => {
        const C1 = b.conv2d('conv', b.input, CONV);
        return { C1, C2: b.relu('relu', row(b, C1)) };
      }),
    ],
    [
      'what is between them is an output',
      ['conv', 'scale'],
      graphOf((b) => {
        const C1 = b.batchNorm('norm', b.conv2d('conv', b.input, CONV), 1e-3);
        return { C1, C2: b.scale('scale', C1) };
      }),
    ],
  ];
  test.each(kept)('stay where %s', (_, names, graph) => {
    expect(planned(graph).names).toEqual(names);
  });

  test('a reader that is not asked for does not hold them back', () => {
    const graph = graphOf((b) => {
      const conv = b.conv2d('conv', b.input, CONV);
      return { C1: b.relu('first', row(b, conv)), C2: b.relu('second', conv) };
    });
    expect(planned(graph, ['C1']).names).toEqual(['conv', 'first']);
    expect(planned(graph, ['C2']).names).toEqual(['conv', 'second']);
    expect(planned(graph).names).toEqual(['conv', 'norm', 'first', 'second']);
  });
});

describe('outputs', () => {
  test('are told in the order in which they are asked for, with their value, shape and stride', () => {
    expect(planned(tinyGraph(), ['C3', 'C1']).outputs).toEqual([
      { name: 'C3', value: 'c3', shape: [8, 8, 6], stride: 8, signed: false },
      { name: 'C1', value: 'c1', shape: [32, 32, 4], stride: 2, signed: false },
    ]);
  });

  test('are signed unless an activation has the last word', () => {
    const signed = planned(preactivationGraph()).outputs.map((output) => [output.name, output.signed]);
    expect(Object.fromEntries(signed)).toEqual({ C1: true, C2: true, C3: true, C4: true, P2: true, top: false });
    const levels = (family: string, architecture: string) => {
      const names = ['C1', 'C2', 'C3', 'C4', 'C5'] as const;
      return new Plan(resnetGraph(architecture, true, { family }), names, 64).outputs.map((output) => output.signed);
    };
    expect(levels('keras', 'resnet50')).toEqual([false, false, false, false, false]);
    expect(levels('keras-v2', 'resnet50v2')).toEqual([true, true, true, true, true]);
  });

  test('what none of them needs is left out', () => {
    expect(planned(preactivationGraph(), ['C1']).names).toEqual(['stem', 'c1_pad', 'c1']);
    expect(planned(tinyGraph(), ['C2']).names).toEqual(['stem', 'c1', 'c2']);
  });

  test('a network that does not work at the asked size is refused', () => {
    const graph = resnetGraph('resnet101', true, { family: 'scale', includeTop: true });
    expect(() => new Plan(graph, ['top'], 1024)).toThrow(expect.objectContaining({ code: 'option-invalid' }));
    expect(new Plan(graph, ['C5'], 1024).outputs).toMatchObject([{ shape: [32, 32, 2048] }]);
    expect(new Plan(graph, ['top'], 224).outputs).toMatchObject([{ shape: [1, 1, 1000] }]);
  });
});

test.each([
  ['mask-rcnn', 'resnet50', ['conv2d', 'relu', 'maxPool', 'add']],
  ['scale', 'resnet101', ['conv2d', 'relu', 'maxPool', 'add']],
  ['torchvision', 'resnet18', ['conv2d', 'relu', 'maxPool', 'add']],
  ['keras-v2', 'resnet50v2', ['conv2d', 'zeroPad', 'maxPool', 'affine', 'relu', 'add']],
  ['slim-v2', 'resnet50v2', ['conv2d', 'maxPool', 'affine', 'relu', 'add']],
])('%s-%s comes down to %j', (family, architecture, ops) => {
  const graph = resnetGraph(architecture, true, { family });
  // Only the kinds of steps matter here: any values will do, and few of them.
  const weights = { ...weightsOf({}), get: () => new Float32Array(1) };
  const steps = new Plan(graph, ['C1', 'C2', 'C3', 'C4', 'C5'], 224).steps(weights);
  expect(new Set([...steps].map(({ op }) => op))).toEqual(new Set(ops));
});
