import { describe, expect, test } from '@jest/globals';
import { describeModel } from '../../../src/backbone/describe-model.js';
import { levelsOf } from '../../../src/backbone/graph/graph.js';
import {
  chooseLevels,
  DEFAULT_MODEL,
  DEFAULT_SIZE,
  findModel,
  listModels,
  modelGraph,
} from '../../../src/backbone/catalogue.js';

const model = findModel('mask-rcnn-resnet50');
const whole = modelGraph(model, true);

describe('the catalogue', () => {
  test('holds every architecture of every family, each under a name of its own', () => {
    const names = listModels().map(({ name }) => name);
    expect(names).toEqual([
      ...['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'].map((depth) => `mask-rcnn-${depth}`),
      ...['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'].map((depth) => `keras-${depth}`),
      'keras-legacy-resnet50',
      ...['resnet50v2', 'resnet101v2', 'resnet152v2'].map((depth) => `keras-v2-${depth}`),
      ...['resnet101', 'resnet152'].map((depth) => `scale-${depth}`),
      ...['resnet50v2', 'resnet101v2', 'resnet152v2', 'resnet200v2'].map((depth) => `slim-v2-${depth}`),
      ...['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'].map((depth) => `torchvision-${depth}`),
      'torchvision-detection-resnet50',
      'torchvision-detection-v2-resnet50',
      ...['detectron2', 'detectron2-bn', 'detectron2-gn'].flatMap((family) =>
        ['resnet50', 'resnet101'].map((depth) => `${family}-${depth}`),
      ),
      'basic-small-stem-resnet18',
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(listModels())('$name is found by its name and builds, whole and cut', (entry) => {
    expect(findModel(entry.name)).toBe(entry);
    const { family, architecture, normalization } = entry;
    for (const stage5 of [true, false]) {
      expect(modelGraph(entry, stage5)).toMatchObject({ family, architecture, stage5, input: { normalization } });
    }
    expect(modelGraph(entry, true, { includeTop: true, classes: 10 }).outputs.top).toMatchObject({ channels: 10 });
  });

  test('the default is Matterport’s ResNet-50 with its preprocessing, on 1024 pixels', () => {
    expect(DEFAULT_MODEL).toBe('mask-rcnn-resnet50');
    expect(DEFAULT_SIZE).toBe(1024);
    expect(findModel(DEFAULT_MODEL)).toEqual({
      name: 'mask-rcnn-resnet50',
      family: 'mask-rcnn',
      architecture: 'resnet50',
      normalization: { channelOrder: 'rgb', mean: [123.7, 116.8, 103.9], std: [1, 1, 1] },
    });
  });

  test.each([
    ['resnet50', /no model "resnet50"\. Did you mean mask-rcnn-resnet50 or /],
    ['MASK-RCNN-RESNET50', /Did you mean mask-rcnn-resnet50\b/],
    ['mask_rcnn_resnet101', /Did you mean mask-rcnn-resnet101\b/],
    ['torchvison-resnet18', /Did you mean torchvision-resnet18\b/],
    ['', /no model ""\. A name is <family>-<architecture>\./],
    ['constructor', /A name is <family>-<architecture>\./],
  ])('refuses the unknown name "%s" with the nearest ones and the place of the list', (name, message) => {
    expect(() => findModel(name)).toThrow(
      expect.objectContaining({ code: 'model-unknown', message: expect.stringMatching(message) }),
    );
    expect(() => findModel(name)).toThrow(`list all ${listModels().length}.`);
    expect(() => findModel(name)).toThrow(/^.{1,250}$/);
  });
});

describe('chooseLevels', () => {
  test('without a wish gives what a detector reads: C2 upwards', () => {
    expect(chooseLevels(model, true)).toEqual(['C2', 'C3', 'C4', 'C5']);
    expect(chooseLevels(model, false)).toEqual(['C2', 'C3', 'C4']);
  });

  test('sorts the finest first and drops repeats', () => {
    expect(chooseLevels(model, true, ['C5', 'C1', 'C5'])).toEqual(['C1', 'C5']);
    expect(chooseLevels(model, true, levelsOf(whole).toReversed())).toEqual(levelsOf(whole));
  });

  test('C5 without stage 5 is absent, and the message says why and what to do', () => {
    expect(() => chooseLevels(model, false, ['C4', 'C5'])).toThrow(
      expect.objectContaining({
        code: 'level-absent',
        message: expect.stringMatching(/C5 is made by stage 5.*stage5=false.*leave C5 out or turn stage 5 on/),
      }),
    );
  });

  test.each(['C6', 'c2', '', ' C2', 'P7', 'outputs'])('"%s" is no level', (name) => {
    expect(() => chooseLevels(model, true, ['C2', name])).toThrow(
      expect.objectContaining({ code: 'level-unknown', message: expect.stringContaining(`no level "${name}"`) }),
    );
  });

  test('no level at all is refused', () => {
    expect(() => chooseLevels(model, true, [])).toThrow(expect.objectContaining({ code: 'level-unknown' }));
  });
});

test('describeModel tells what the graph says, for the asked canvas', () => {
  const described = describeModel(findModel('mask-rcnn-resnet101'), true, 1024);
  expect(described).toMatchObject({
    name: 'mask-rcnn-resnet101',
    size: 1024,
    stage5: true,
    parameters: { total: 42_658_176, nonTrainable: 105_344 },
  });
  expect(described.gmacs).toBeCloseTo(158.16, 2);
  expect(described.levels.at(-2)).toEqual({
    name: 'C4',
    shape: [64, 64, 1024],
    stride: 16,
    channels: 1024,
    node: 'res4w_out',
  });
  expect(described.normalization).toEqual({ channelOrder: 'rgb', mean: [123.7, 116.8, 103.9], std: [1, 1, 1] });
  const small = describeModel(model, false, 64).levels;
  expect(small.map(({ shape }) => shape[0])).toEqual([16, 16, 8, 4]);
});
