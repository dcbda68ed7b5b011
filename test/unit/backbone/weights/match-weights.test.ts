import { describe, expect, test } from '@jest/globals';
import { fpnGraph } from '../../../../src/backbone/graph/fpn-graph.js';
import type { ParameterName } from '../../../../src/backbone/graph/graph.js';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { matchWeights, showShape } from '../../../../src/backbone/weights/match-weights.js';
import { seededWeights } from '../../../../src/backbone/weights/seeded.js';
import type { WeightsEntry } from '../../../../src/backbone/weights/weights-reader.js';
import { fixtureGraphOf, fixtureIn, TORCH } from '../../../support/fixture-weights.js';
import { fixtureGraph } from '../../../support/graphs.js';

const graph = fixtureGraph();

function entry(path: string, ...shape: number[]): WeightsEntry {
  return { path, shape, dtype: 'F32' };
}

const norm = ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) => entry(`bn_conv1/${name}`, 2));
const complete = [entry('conv1/kernel', 1, 1, 3, 2), entry('conv1/bias', 2), ...norm];

describe('matchWeights', () => {
  test('matches in the order of the graph, whatever the order of the file', () => {
    const match = matchWeights(graph, complete.toReversed());
    expect(match.matched.map(({ layer, parameter }) => `${layer}/${parameter}`)).toEqual(
      complete.map(({ path }) => path),
    );
    expect(match.matched.map((wanted) => wanted.entry)).toEqual(complete);
    expect(match).toMatchObject({ layout: 'hwio', missing: [], misshaped: [], surplus: [], unusedLayers: [] });
  });

  test('tells the missing from the misshaped', () => {
    const match = matchWeights(graph, [entry('conv1/kernel', 1, 1, 2, 3), ...norm]);
    expect(match.missing).toEqual([
      { layer: 'conv1', parameter: 'bias', shape: [2], path: 'conv1/bias', expected: [2] },
    ]);
    expect(match.misshaped).toMatchObject([
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
    const match = matchWeights(graph, [...complete, ...heads]);
    expect(match.unusedLayers).toEqual(['rpn_model', 'mrcnn_mask']);
    expect(match.surplus).toEqual([]);
  });

  test('tells parameters that the graph’s own layers do not have', () => {
    const odd = [entry('bn_conv1/bias', 2), entry('conv1/conv1/gamma', 2), entry('conv1/momentum', 2)];
    const match = matchWeights(graph, [...complete, ...odd]);
    expect(match.surplus.map(({ path }) => path).toSorted()).toEqual(['bn_conv1/bias', 'conv1/conv1/gamma']);
    expect(match.unusedLayers).toEqual([]);
  });

  test('finds a layer in a nested model, unless two models have one of its name', () => {
    const nested = complete.map(({ path, ...rest }) => ({ ...rest, path: `backbone/${path}` }));
    expect(matchWeights(graph, nested).missing).toEqual([]);
    const twice = [...nested, ...complete.map(({ path, ...rest }) => ({ ...rest, path: `teacher/${path}` }))];
    expect(matchWeights(graph, twice).missing).toHaveLength(6);
    expect(matchWeights(graph, [...twice, ...complete]).matched.map((wanted) => wanted.entry)).toEqual(complete);
  });

  test('a network without stage 5 takes the weights of one with it, and not the other way round', () => {
    const entries = (stage5: boolean) => seededWeights(resnetGraph('resnet50', stage5), 0).entries();
    const cut = matchWeights(resnetGraph('resnet50', false), entries(true));
    expect(cut.missing).toEqual([]);
    expect(cut.unusedLayers).toHaveLength(20);
    expect(matchWeights(resnetGraph('resnet50', true), entries(false)).missing).toHaveLength(10 * 6);
  });
});

describe('matchWeights over PyTorch’s names', () => {
  const torchGraph = fixtureGraphOf(TORCH);
  const state = Object.entries(fixtureIn(TORCH)).map(([path, { shape }]) => entry(path, ...shape));
  const inside = (prefix: string) => state.map(({ path, shape }) => entry(prefix + path, ...shape));

  test.each(['', 'module.', 'backbone.', 'backbone.body.', 'module.backbone.', 'module.backbone.body.'])(
    'finds them behind "%s"',
    (prefix) => {
      const counter = entry(`${prefix}bn1.num_batches_tracked`);
      const match = matchWeights(torchGraph, [...inside(prefix), counter, entry('roi_heads.fc.weight', 5)]);
      expect(match).toMatchObject({ layout: 'oihw', missing: [], misshaped: [], surplus: [] });
      expect(match.unusedLayers).toEqual(['roi_heads.fc']);
    },
  );

  test('takes all from one prefix: that which has the most', () => {
    const [first, ...rest] = inside('backbone.');
    const match = matchWeights(torchGraph, [...state.slice(0, 2), first!, ...rest]);
    expect(match.matched.map(({ path }) => path.startsWith('backbone.'))).toEqual(Array(6).fill(true));
    const torn = matchWeights(torchGraph, [...state.slice(0, 2), ...rest]);
    expect(torn.missing.map(({ path }) => path)).toEqual(['backbone.conv1.weight']);
  });

  test('says shapes in the layout of the file, and names in its words', () => {
    const missing = matchWeights(torchGraph, state.slice(1)).missing;
    expect(missing).toMatchObject([{ path: 'conv1.weight', shape: [1, 1, 3, 2], expected: [2, 3, 1, 1] }]);
    const hwio = [entry('conv1.weight', 1, 1, 3, 2), ...state.slice(1)];
    const [wrong] = matchWeights(torchGraph, hwio).misshaped;
    expect(wrong).toMatchObject({ path: 'conv1.weight', found: [1, 1, 3, 2], expected: [2, 3, 1, 1] });
  });

  test('a file that is called nothing like it misses what the usual names would be', () => {
    const match = matchWeights(torchGraph, [entry('stem.conv.weight', 1)]);
    expect(match.missing.map(({ path }) => path)).toEqual(state.map(({ path }) => path));
  });

  test('the graph’s own names are taken as well, and then the graph’s own layout', () => {
    const own = seededWeights(torchGraph, 1).entries();
    expect(matchWeights(torchGraph, own)).toMatchObject({ layout: 'hwio', missing: [], misshaped: [] });
  });

  test('a classifier is found with its backbone’s prefix and without', () => {
    const whole = resnetGraph('resnet18', true, { family: 'torchvision', includeTop: true });
    const names = matchWeights(whole, []).missing.map(({ path, expected }) => entry(path, ...expected));
    const prefixed = names.map(({ path, shape }) => entry(`backbone.${path}`, ...shape));
    expect(matchWeights(whole, prefixed).missing).toEqual([]);
    const outside = prefixed.map(({ path, shape }) => entry(path.replace('backbone.fc', 'fc'), ...shape));
    expect(matchWeights(whole, outside).missing).toEqual([]);
  });
});

test('showShape writes a shape as Python does', () => {
  expect(showShape([7, 7, 3, 64])).toBe('[7, 7, 3, 64]');
  expect(showShape([])).toBe('[]');
});

describe('matchWeights of a pyramid in PyTorch’s names', () => {
  const words: Record<ParameterName, string> = {
    kernel: 'weight',
    bias: 'bias',
    gamma: 'weight',
    beta: 'bias',
    moving_mean: 'running_mean',
    moving_variance: 'running_var',
  };

  /** The names of a detector's file, the backbone's layers behind `body`, the pyramid's behind `beside`. */
  function missingFrom(family: string, body: string, beside: string, wrapped: '' | '.0' = ''): number {
    const graph = fpnGraph(resnetGraph('resnet50', true, { family }));
    const entries = graph.nodes.flatMap(({ name, block, parameters }) =>
      Object.entries(parameters).map(([parameter, shape]) => {
        const file = shape.length === 4 ? [shape[3]!, shape[2]!, shape[0]!, shape[1]!] : shape;
        const layer = block === 'fpn' ? `${beside}${name}${wrapped}` : `${body}${name}`;
        return entry(`${layer}.${words[parameter as ParameterName]}`, ...file);
      }),
    );
    const { missing, misshaped } = matchWeights(graph, entries);
    return missing.length + misshaped.length;
  }

  test.each(['torchvision', 'torchvision-detection'])('%s: beside the body, also of a parallel model', (family) => {
    for (const around of ['', 'module.']) {
      for (const wrapped of ['', '.0'] as const) {
        expect(missingFrom(family, `${around}backbone.body.`, `${around}backbone.`, wrapped)).toBe(0);
        expect(missingFrom(family, `${around}body.`, around, wrapped)).toBe(0);
        expect(missingFrom(family, `${around}backbone.`, around, wrapped)).toBe(0);
        expect(missingFrom(family, around, around, wrapped)).toBe(0);
      }
    }
  });

  test('Detectron2’s: beside the bottom-up network, also of a parallel model', () => {
    for (const around of ['', 'module.']) {
      expect(missingFrom('detectron2', `${around}backbone.bottom_up.`, `${around}backbone.`)).toBe(0);
      expect(missingFrom('detectron2', `${around}bottom_up.`, around)).toBe(0);
    }
  });

  test('a pyramid in another model than the backbone’s is not taken', () => {
    expect(missingFrom('torchvision', 'module.backbone.body.', 'backbone.')).toBe(16);
  });
});
