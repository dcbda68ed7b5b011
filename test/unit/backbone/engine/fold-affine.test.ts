import { describe, expect, test } from '@jest/globals';
import { foldAffine, foldConv, type AffineNode } from '../../../../src/backbone/engine/fold-affine.js';
import { GraphBuilder } from '../../../../src/backbone/graph/graph-builder.js';
import type { Conv2dNode, ParameterName } from '../../../../src/backbone/graph/graph.js';
import type { Weights } from '../../../../src/backbone/weights/weights.js';
import { finish, randomWeights } from '../../../support/graphs.js';
import { randomNumbers } from '../../../support/tensors.js';

const EPSILON = 0.01;
const FILTERS = 5;

/** A 2×2 convolution from 3 to 5 channels, a norm and a scale, with random parameters. */
function chain(bias: boolean, epsilon = EPSILON) {
  const builder = new GraphBuilder('image', 3);
  const convolved = builder.conv2d('conv', builder.input, { filters: FILTERS, kernel: 2, bias });
  builder.scale('scale', builder.batchNorm('norm', convolved, epsilon));
  const graph = finish(builder, {});
  const [conv, norm, scale] = graph.nodes as readonly [Conv2dNode, AffineNode, AffineNode];
  return { conv, norm, scale, weights: randomWeights(graph, 7) };
}

/** What the norm, and after it the scale, make of `value` in channel `c`: the definitions, one after the other. */
function normed(weights: Weights, value: number, c: number): number {
  const of = (parameter: ParameterName) => weights.get('norm', parameter)[c]!;
  return (of('gamma') * (value - of('moving_mean'))) / Math.sqrt(of('moving_variance') + EPSILON) + of('beta');
}
function scaled(weights: Weights, value: number, c: number): number {
  return weights.get('scale', 'gamma')[c]! * value + weights.get('scale', 'beta')[c]!;
}

describe('foldConv', () => {
  const { norm, scale } = chain(true);
  const rows: [string, AffineNode[], typeof normed][] = [
    ['a norm', [norm], normed],
    ['a scale', [scale], scaled],
    ['a norm and a scale', [norm, scale], (weights, value, c) => scaled(weights, normed(weights, value, c), c)],
    ['a scale and a norm', [scale, norm], (weights, value, c) => normed(weights, scaled(weights, value, c), c)],
  ];
  const cases = rows.flatMap(([what, nodes, expected]) =>
    [true, false].map((bias) => [what, bias, nodes, expected] as const),
  );

  test.each(cases)('one convolution does what it and %s did (bias: %s)', (_, bias, nodes, expected) => {
    const { conv, weights } = chain(bias);
    const folded = foldConv(conv, nodes, weights);
    const random = randomNumbers(3);
    const patch = Array.from({ length: 2 * 2 * 3 }, () => 10 * random() - 5);
    const apply = (kernel: Float32Array, filter: number) =>
      patch.reduce((sum, value, i) => sum + value * kernel[i * FILTERS + filter]!, 0);

    for (let filter = 0; filter < FILTERS; filter++) {
      const start = bias ? weights.get('conv', 'bias')[filter]! : 0;
      const convolved = apply(weights.get('conv', 'kernel'), filter) + start;
      const found = apply(folded.kernel, filter) + folded.bias[filter]!;
      expect(found).toBeCloseTo(expected(weights, convolved, filter), 4);
    }
  });

  test('a tiny variance leaves epsilon to decide', () => {
    const { conv, norm, weights } = chain(true, 0.25);
    const still: Weights = {
      ...weights,
      get: (layer, parameter) =>
        parameter === 'moving_variance' ? new Float32Array(FILTERS) : weights.get(layer, parameter),
    };
    const gamma = weights.get('norm', 'gamma');
    const expected = weights.get('conv', 'kernel').map((value, i) => value * gamma[i % FILTERS]! * 2);
    expect(foldConv(conv, [norm], still).kernel).toEqual(expected);
  });

  test.each([true, false])(
    'with nothing to fold the convolution stays, with zeros for a bias it lacks (%s)',
    (bias) => {
      const { conv, weights } = chain(bias);
      expect(foldConv(conv, [], weights)).toEqual({
        kernel: weights.get('conv', 'kernel'),
        bias: bias ? weights.get('conv', 'bias') : new Float32Array(FILTERS),
      });
    },
  );

  test('does not change the weights', () => {
    const { conv, norm, scale, weights } = chain(true);
    const kept = new Map<string, Float32Array>();
    const recording: Weights = {
      ...weights,
      get: (layer, parameter) => {
        const values = weights.get(layer, parameter);
        kept.set(`${layer}/${parameter}`, values);
        return values;
      },
    };
    foldConv(conv, [norm, scale], recording);
    expect(kept.size).toBe(8);
    for (const [name, values] of kept) {
      const [layer, parameter] = name.split('/') as [string, ParameterName];
      expect(values).toEqual(weights.get(layer, parameter));
    }
  });
});

describe('foldAffine', () => {
  test('a row of norms and scales is one factor and one offset a channel', () => {
    const { norm, scale, weights } = chain(true);
    const { factor, offset } = foldAffine([norm, scale, norm], FILTERS, weights);
    for (let c = 0; c < FILTERS; c++) {
      const expected = normed(weights, scaled(weights, normed(weights, 1.5, c), c), c);
      expect(factor[c]! * 1.5 + offset[c]!).toBeCloseTo(expected, 10);
    }
  });

  test('no row at all changes nothing', () => {
    const { factor, offset } = foldAffine([], 2, chain(true).weights);
    expect([[...factor], [...offset]]).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });
});
