import { describe, expect, test } from '@jest/globals';
import { parseFeatureOptions } from '../../../src/spec/feature-spec.js';
import { featureId, type FeatureQuestion } from '../../../src/spec/feature-id.js';

const IMAGE = 'aa'.repeat(32);
const WEIGHTS = 'bb'.repeat(32);
const QUESTION: FeatureQuestion = {
  model: {
    family: 'mask-rcnn',
    architecture: 'resnet50',
    normalization: { channelOrder: 'rgb', mean: [123.7, 116.8, 103.9], std: [1, 1, 1] },
  },
  stage5: true,
  size: 1024,
  levels: ['C2', 'C3', 'C4', 'C5'],
  dtype: 'float16',
};
const { model } = QUESTION;
const { normalization } = model;
const id = featureId(IMAGE, WEIGHTS, QUESTION);

/** Each differs from the question above in one part. */
const others: [string, string][] = [
  ['image', featureId('ab'.repeat(32), WEIGHTS, QUESTION)],
  ['weights', featureId(IMAGE, 'ba'.repeat(32), QUESTION)],
  ['image and weights exchanged', featureId(WEIGHTS, IMAGE, QUESTION)],
  ['family', featureId(IMAGE, WEIGHTS, { ...QUESTION, model: { ...model, family: 'keras' } })],
  ['architecture', featureId(IMAGE, WEIGHTS, { ...QUESTION, model: { ...model, architecture: 'resnet101' } })],
  ['channel order', normalized({ channelOrder: 'bgr' })],
  ['mean', normalized({ mean: [123.7, 116.8, 103.8] })],
  ['order of the mean', normalized({ mean: [103.9, 116.8, 123.7] })],
  ['deviation', normalized({ std: [1, 1, 2] })],
  ['order of the deviation', normalized({ std: [2, 1, 1] })],
  ['mean and deviation exchanged', normalized({ mean: [1, 1, 1], std: [123.7, 116.8, 103.9] })],
  ['stage5', featureId(IMAGE, WEIGHTS, { ...QUESTION, stage5: false })],
  ['size', featureId(IMAGE, WEIGHTS, { ...QUESTION, size: 960 })],
  ['fewer levels', featureId(IMAGE, WEIGHTS, { ...QUESTION, levels: ['C2', 'C3', 'C4'] })],
  ['order of the levels', featureId(IMAGE, WEIGHTS, { ...QUESTION, levels: ['C3', 'C2', 'C4', 'C5'] })],
  ['dtype', featureId(IMAGE, WEIGHTS, { ...QUESTION, dtype: 'float32' })],
];

function normalized(change: Partial<typeof normalization>): string {
  return featureId(IMAGE, WEIGHTS, {
    ...QUESTION,
    model: { ...model, normalization: { ...normalization, ...change } },
  });
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
    const renamed = { ...QUESTION, model: { ...model, name: 'another-name' }, weights: 'seeded', engine: 'onnx' };
    expect(featureId(IMAGE, WEIGHTS, renamed)).toBe(id);
    const reversed = Object.fromEntries(Object.entries(QUESTION).toReversed()) as unknown as FeatureQuestion;
    expect(featureId(IMAGE, WEIGHTS, reversed)).toBe(id);
  });

  test('is the same for a request that the options make', () => {
    expect(featureId(IMAGE, WEIGHTS, parseFeatureOptions({}))).toBe(id);
    expect(featureId(IMAGE, WEIGHTS, parseFeatureOptions({ levels: 'C5,C4,C3,C2' }))).toBe(id);
  });
});
