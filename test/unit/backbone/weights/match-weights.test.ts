import { describe, expect, test } from '@jest/globals';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { matchWeights, showShape } from '../../../../src/backbone/weights/match-weights.js';
import { seededWeights } from '../../../../src/backbone/weights/seeded.js';
import type { WeightsEntry } from '../../../../src/backbone/weights/weights-reader.js';
import { fixtureGraph } from '../../../support/graphs.js';

const graph = fixtureGraph();

function entry(name: string, ...shape: number[]): WeightsEntry {
  const [layer, parameter] = name.split('/') as [string, string];
  return { layer, parameter, shape, dtype: 'F32' };
}

const norm = ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) => entry(`bn_conv1/${name}`, 2));
const complete = [entry('conv1/kernel', 1, 1, 3, 2), entry('conv1/bias', 2), ...norm];

describe('matchWeights', () => {
  test('matches in the order of the graph, whatever the order of the file', () => {
    const match = matchWeights(graph, complete.toReversed());
    expect(match.matched.map(({ layer, parameter }) => `${layer}/${parameter}`)).toEqual(
      complete.map(({ layer, parameter }) => `${layer}/${parameter}`),
    );
    expect(match.matched.map((wanted) => wanted.entry)).toEqual(complete);
    expect(match).toMatchObject({ missing: [], misshaped: [], unusedLayers: [] });
  });

  test('tells the missing from the misshaped', () => {
    const match = matchWeights(graph, [entry('conv1/kernel', 1, 1, 2, 3), ...norm]);
    expect(match.missing).toEqual([{ layer: 'conv1', parameter: 'bias', shape: [2] }]);
    expect(match.misshaped).toEqual([
      { layer: 'conv1', parameter: 'kernel', shape: [1, 1, 3, 2], found: [1, 1, 2, 3] },
    ]);
    expect(match.matched).toHaveLength(4);
  });

  test.each([[[1, 1, 3, 2, 1]], [[1, 1, 3]], [[]]])('%j is not the shape [1, 1, 3, 2]', (shape) => {
    const [first, ...rest] = complete;
    expect(matchWeights(graph, [{ ...first!, shape }, ...rest]).misshaped).toMatchObject([{ found: shape }]);
  });

  test('names each layer that the graph does not have once', () => {
    const heads = [entry('rpn_model/kernel', 3), entry('rpn_model/bias', 3), entry('mrcnn_mask/kernel', 1)];
    expect(matchWeights(graph, [...complete, ...heads]).unusedLayers).toEqual(['rpn_model', 'mrcnn_mask']);
  });

  test('a network without stage 5 takes the weights of one with it, and not the other way round', () => {
    const entries = (stage5: boolean) => seededWeights(resnetGraph('resnet50', stage5), 0).entries();
    const cut = matchWeights(resnetGraph('resnet50', false), entries(true));
    expect(cut.missing).toEqual([]);
    expect(cut.unusedLayers).toHaveLength(20);
    expect(matchWeights(resnetGraph('resnet50', true), entries(false)).missing).toHaveLength(10 * 6);
  });
});

test('showShape writes a shape as Python does', () => {
  expect(showShape([7, 7, 3, 64])).toBe('[7, 7, 3, 64]');
  expect(showShape([])).toBe('[]');
});
