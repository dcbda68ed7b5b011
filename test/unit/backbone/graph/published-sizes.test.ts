import { describe, expect, test } from '@jest/globals';
import type { TopOptions } from '../../../../src/backbone/graph/resnet-graph.js';
import { summarize } from '../../../../src/backbone/graph/summary.js';
import { findModel, listModels, modelGraph } from '../../../../src/backbone/catalogue.js';

const TOP = { includeTop: true };

function sizeOf(
  model: string,
  { size = 224, stage5 = true, ...top }: TopOptions & { size?: number; stage5?: boolean },
) {
  return summarize(modelGraph(findModel(model), stage5, top), size);
}

/** `model.summary()` of Keras, where totals include moving statistics: without top, with top, not trainable. */
const KERAS: [string, number, number, number][] = [
  ['keras-resnet50', 23_587_712, 25_636_712, 53_120],
  ['keras-resnet101', 42_658_176, 44_707_176, 105_344],
  ['keras-resnet152', 58_370_944, 60_419_944, 151_424],
  ['keras-legacy-resnet50', 23_587_712, 25_636_712, 53_120],
  ['keras-v2-resnet50v2', 23_564_800, 25_613_800, 45_440],
  ['keras-v2-resnet101v2', 42_626_560, 44_675_560, 97_664],
  ['keras-v2-resnet152v2', 58_331_648, 60_380_648, 143_744],
  ['slim-v2-resnet50v2', 23_564_800, 25_613_800, 45_440],
  ['slim-v2-resnet101v2', 42_626_560, 44_675_560, 97_664],
  ['slim-v2-resnet152v2', 58_331_648, 60_380_648, 143_744],
  ['slim-v2-resnet200v2', 62_845_440, 64_894_440, 168_320],
  // Matterport publishes no classifier; one like Keras' would make the same total.
  ['mask-rcnn-resnet50', 23_587_712, 25_636_712, 53_120],
  ['mask-rcnn-resnet101', 42_658_176, 44_707_176, 105_344],
  ['mask-rcnn-resnet152', 58_370_944, 60_419_944, 151_424],
];

/** PyTorch counts parameters, and running statistics are none: with top. The channels are those of all norms. */
const TORCH: [string, number, number][] = [
  ['resnet18', 11_689_512, 4_800],
  ['resnet34', 21_797_672, 8_512],
  ['resnet50', 25_557_032, 26_560],
  ['resnet101', 44_549_160, 52_672],
  ['resnet152', 60_192_808, 75_712],
];
const CLASSIFIER: Record<string, number> = { resnet18: 513_000, resnet34: 513_000 };
const BOTTLENECK_CLASSIFIER = 2_049_000;

/** Published elsewhere, or the same blocks as PyTorch's with so many more parameters a channel of the norms. */
const DERIVED: [string, number][] = [
  // Each convolution has a bias.
  ...['mask-rcnn', 'keras'].flatMap((family) =>
    ['resnet18', 'resnet34'].map((architecture): [string, number] => [`${family}-${architecture}`, 1]),
  ),
  // Each norm has a scale.
  ['scale-resnet101', 2],
  ['scale-resnet152', 2],
  ['torchvision-detection-resnet50', 0],
  ['detectron2-resnet50', 0],
  ['detectron2-resnet101', 0],
  ['torchvision-detection-v2-resnet50', 0],
  ['detectron2-bn-resnet50', 0],
  ['detectron2-bn-resnet101', 0],
  ['detectron2-gn-resnet50', 0],
  ['detectron2-gn-resnet101', 0],
];

describe('parameters are as many as published', () => {
  test.each(KERAS)('%s', (model, without, withTop, nonTrainable) => {
    expect(sizeOf(model, {}).parameters).toEqual({ total: without, trainable: without - nonTrainable, nonTrainable });
    expect(sizeOf(model, TOP).parameters).toMatchObject({ total: withTop, nonTrainable });
  });

  test.each(TORCH)('torchvision-%s', (architecture, trainable, channels) => {
    const model = `torchvision-${architecture}`;
    expect(sizeOf(model, TOP).parameters).toMatchObject({ trainable, nonTrainable: 2 * channels });
    const classifier = CLASSIFIER[architecture] ?? BOTTLENECK_CLASSIFIER;
    expect(sizeOf(model, {}).parameters.trainable).toBe(trainable - classifier);
  });

  test.each(DERIVED)('%s has those of torchvision and %i more a channel', (model, more) => {
    const [architecture, trainable, channels] = TORCH.find(([name]) => model.endsWith(name))!;
    const { parameters } = sizeOf(model, TOP);
    // Group norms keep no statistics.
    const nonTrainable = model.startsWith('detectron2-gn-') ? 0 : 2 * channels;
    expect(parameters).toMatchObject({ trainable: trainable + more * channels, nonTrainable });
    const classifier = CLASSIFIER[architecture] ?? BOTTLENECK_CLASSIFIER;
    expect(sizeOf(model, {}).parameters.total).toBe(parameters.total - classifier);
  });

  test('the ResNet-152 with scales has the 60,495,656 of its summary', () => {
    expect(sizeOf('scale-resnet152', TOP).parameters.total).toBe(60_495_656);
  });

  test('the ResNet-18 of the courses, on CIFAR-100', () => {
    const { parameters } = sizeOf('basic-small-stem-resnet18', { ...TOP, classes: 100, size: 64 });
    expect(parameters).toEqual({ total: 11_230_948, trainable: 11_223_140, nonTrainable: 7_808 });
  });

  test('of every model of the catalogue', () => {
    const counted = [
      ...KERAS.map(([model]) => model),
      ...TORCH.map(([architecture]) => `torchvision-${architecture}`),
      ...DERIVED.map(([model]) => model),
      'basic-small-stem-resnet18',
    ];
    expect(new Set(counted)).toEqual(new Set(listModels().map(({ name }) => name)));
  });
});

describe('multiply-adds, in units of 10⁹', () => {
  // At 1024² the stride in the first 1×1 saves what the stride in the 3×3 computes.
  test.each([
    ['mask-rcnn-resnet50', true, 80.58],
    ['keras-resnet50', true, 80.58],
    ['detectron2-resnet50', true, 80.58],
    ['torchvision-resnet50', true, 85.41],
    ['torchvision-detection-resnet50', true, 85.41],
    ['mask-rcnn-resnet50', false, 65.28],
    ['mask-rcnn-resnet101', true, 158.16],
    ['detectron2-resnet101', true, 158.16],
    ['torchvision-resnet101', true, 162.99],
    ['mask-rcnn-resnet101', false, 142.86],
  ])('%s with stage5=%s takes %d at 1024 × 1024', (model, stage5, expected) => {
    expect(sizeOf(model, { size: 1024, stage5 }).macs / 1e9).toBeCloseTo(expected, 2);
  });

  // The operation counts that torchvision publishes with its weights.
  test.each([
    ['resnet18', 1.814],
    ['resnet34', 3.664],
    ['resnet50', 4.089],
    ['resnet101', 7.801],
    ['resnet152', 11.514],
  ])('torchvision-%s with its classifier takes %d at 224 × 224', (architecture, expected) => {
    expect(sizeOf(`torchvision-${architecture}`, TOP).macs / 1e9).toBeCloseTo(expected, 3);
  });
});
