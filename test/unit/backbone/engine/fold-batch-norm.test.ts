import { describe, expect, test } from '@jest/globals';
import { foldBatchNorm } from '../../../../src/backbone/engine/fold-batch-norm.js';
import { GraphBuilder } from '../../../../src/backbone/graph/graph-builder.js';
import type { BatchNormNode, Conv2dNode } from '../../../../src/backbone/graph/graph.js';
import { randomWeights } from '../../../support/graphs.js';
import { randomNumbers } from '../../../support/tensors.js';

/** A 2×2 convolution from 3 to 5 channels and its norm, with random parameters. */
function convAndNorm(bias: boolean, epsilon = 0.01) {
  const builder = new GraphBuilder('image', 3);
  builder.batchNorm('norm', builder.conv2d('conv', builder.input, { filters: 5, kernel: 2, bias }), epsilon);
  const graph = builder.build({ family: 'test', architecture: 'tiny', stage5: false }, {}, {});
  const [conv, norm] = graph.nodes as readonly [Conv2dNode, BatchNormNode];
  return { conv, norm, weights: randomWeights(graph, 7) };
}

describe('foldBatchNorm', () => {
  test.each([true, false])('one convolution does what both did (bias: %s)', (bias) => {
    const { conv, norm, weights } = convAndNorm(bias);
    const folded = foldBatchNorm(conv, norm, weights);
    const random = randomNumbers(3);
    const patch = Array.from({ length: 2 * 2 * 3 }, () => 10 * random() - 5);
    const apply = (kernel: Float32Array, filter: number) =>
      patch.reduce((sum, value, i) => sum + value * kernel[i * 5 + filter]!, 0);

    for (let filter = 0; filter < 5; filter++) {
      const of = (parameter: 'gamma' | 'beta' | 'moving_mean' | 'moving_variance') =>
        weights.get('norm', parameter)[filter]!;
      const convolved =
        apply(weights.get('conv', 'kernel'), filter) + (bias ? weights.get('conv', 'bias')[filter]! : 0);
      const normed = (of('gamma') * (convolved - of('moving_mean'))) / Math.sqrt(of('moving_variance') + 0.01);
      expect(apply(folded.kernel, filter) + folded.bias[filter]!).toBeCloseTo(normed + of('beta'), 4);
    }
  });

  test('a tiny variance leaves epsilon to decide', () => {
    const { conv, norm, weights } = convAndNorm(true, 0.25);
    const still = {
      ...weights,
      get: (layer: string, parameter: Parameters<typeof weights.get>[1]) =>
        parameter === 'moving_variance' ? new Float32Array(5) : weights.get(layer, parameter),
    };
    const expected = weights.get('conv', 'kernel').map((value, i) => value * weights.get('norm', 'gamma')[i % 5]! * 2);
    expect(foldBatchNorm(conv, norm, still).kernel).toEqual(expected);
  });

  test('without a norm the convolution stays as it is, with zeros for a bias that it lacks', () => {
    const biased = convAndNorm(true);
    const { conv, weights } = convAndNorm(false);
    expect(foldBatchNorm(biased.conv, undefined, biased.weights)).toEqual({
      kernel: biased.weights.get('conv', 'kernel'),
      bias: biased.weights.get('conv', 'bias'),
    });
    expect(foldBatchNorm(conv, undefined, weights)).toEqual({
      kernel: weights.get('conv', 'kernel'),
      bias: new Float32Array(5),
    });
  });

  test('does not change the weights', () => {
    const { conv, norm, weights } = convAndNorm(true);
    const kept = new Map<string, Float32Array>();
    const recording = {
      ...weights,
      get: (layer: string, parameter: Parameters<typeof weights.get>[1]) => {
        const values = weights.get(layer, parameter);
        kept.set(`${layer}/${parameter}`, values);
        return values;
      },
    };
    foldBatchNorm(conv, norm, recording);
    expect(kept.size).toBe(6);
    for (const [name, values] of kept) {
      const [layer, parameter] = name.split('/') as [string, 'kernel'];
      expect(values).toEqual(weights.get(layer, parameter));
    }
  });
});
