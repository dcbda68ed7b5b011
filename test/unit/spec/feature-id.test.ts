import { describe, expect, test } from '@jest/globals';
import { findModel, type Model } from '../../../src/backbone/catalogue.js';
import { featureId } from '../../../src/spec/feature-id.js';
import type { FeatureSpec } from '../../../src/spec/feature-spec.js';
import { specFor } from '../../support/specs.js';

const IMAGE = 'aa'.repeat(32);
const WEIGHTS = 'bb'.repeat(32);
const SPEC: FeatureSpec = {
  model: 'mask-rcnn-resnet50',
  stage5: true,
  size: 1024,
  levels: ['C2', 'C3', 'C4', 'C5'],
  dtype: 'float16',
  precision: 'float32',
  layout: 'nhwc',
  codec: 'zstd',
  quality: 75,
};
const MODEL = findModel(SPEC.model);
const { normalization } = MODEL;
const id = featureId(IMAGE, WEIGHTS, SPEC);

/** Each differs from the id above in one part. */
const others: [string, string][] = [
  ['image', featureId('ab'.repeat(32), WEIGHTS, SPEC)],
  ['weights', featureId(IMAGE, 'ba'.repeat(32), SPEC)],
  ['image and weights exchanged', featureId(WEIGHTS, IMAGE, SPEC)],
  ['family', modelled({ family: 'keras' })],
  ['architecture', modelled({ architecture: 'resnet101' })],
  ['channel order', normalized({ channelOrder: 'bgr' })],
  ['mean', normalized({ mean: [123.7, 116.8, 103.8] })],
  ['order of the mean', normalized({ mean: [103.9, 116.8, 123.7] })],
  ['deviation', normalized({ std: [1, 1, 2] })],
  ['order of the deviation', normalized({ std: [2, 1, 1] })],
  ['mean and deviation exchanged', normalized({ mean: [1, 1, 1], std: [123.7, 116.8, 103.9] })],
  ['stage5', specified({ stage5: false })],
  ['size', specified({ size: 960 })],
  ['fewer levels', specified({ levels: ['C2', 'C3', 'C4'] })],
  ['order of the levels', specified({ levels: ['C3', 'C2', 'C4', 'C5'] })],
  ['dtype', specified({ dtype: 'float32' })],
  ['precision', specified({ precision: 'float16' })],
  ['layout', specified({ layout: 'nchw' })],
  ['codec', specified({ codec: 'jpeg' })],
  ['codec and quality', specified({ codec: 'jpeg', quality: 60 })],
  ['calibration', featureId(IMAGE, WEIGHTS, { ...SPEC, calibrationDigest: 'cc'.repeat(32) })],
  ['another calibration', featureId(IMAGE, WEIGHTS, { ...SPEC, calibrationDigest: 'dd'.repeat(32) })],
  ['precision and layout', specified({ precision: 'float16', layout: 'nchw' })],
];

function specified(change: Partial<FeatureSpec>): string {
  return featureId(IMAGE, WEIGHTS, { ...SPEC, ...change });
}

function modelled(change: Partial<Model>): string {
  return featureId(IMAGE, WEIGHTS, SPEC, { ...MODEL, ...change });
}

function normalized(change: Partial<Model['normalization']>): string {
  return modelled({ normalization: { ...normalization, ...change } });
}

describe('featureId', () => {
  test('is a SHA-256 in hexadecimal that no release may change: archives are found by it', () => {
    expect(id).toBe('0c53067b886544de484f6c0d2197c228e7064e377be8a0aff645971e8b192292');
  });

  test.each(others)('changes with the %s', (_, other) => {
    expect(other).toMatch(/^[0-9a-f]{64}$/);
    expect(other).not.toBe(id);
  });

  test('every change makes an id of its own', () => {
    expect(new Set(others.map(([, other]) => other)).size).toBe(others.length);
  });

  test('changes with nothing else', () => {
    const more = { ...SPEC, weights: 'seeded', engine: 'onnx' };
    expect(featureId(IMAGE, WEIGHTS, more, { ...MODEL, name: 'another-name' })).toBe(id);
    const reversed = Object.fromEntries(Object.entries(SPEC).toReversed()) as unknown as FeatureSpec;
    expect(featureId(IMAGE, WEIGHTS, reversed)).toBe(id);
  });

  test('is the same for a spec that options give', () => {
    expect(featureId(IMAGE, WEIGHTS, specFor({}))).toBe(id);
    expect(featureId(IMAGE, WEIGHTS, specFor({ levels: 'C5,C4,C3,C2' }))).toBe(id);
  });
});
