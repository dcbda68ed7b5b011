import { describe, expect, test } from '@jest/globals';
import { archiveKey, describeLevel, descriptionSchema } from '../../../src/features/feature-set.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';

const { description, levels } = featureSet(plansOf('float16'));

describe('descriptionSchema', () => {
  test('takes a description through JSON unchanged', () => {
    expect(descriptionSchema.parse(JSON.parse(JSON.stringify(description)))).toEqual(description);
  });

  test.each([
    ['an id that is no digest', { id: 'AB'.repeat(32) }],
    ['no levels', { levels: [] }],
    ['a level called C7', { levels: [{ ...description.levels[0], name: 'C7' }] }],
    ['a level with a path for a name', { levels: [{ ...description.levels[0], name: '../C2' }] }],
    ['a shape of two axes', { levels: [{ ...description.levels[0], shape: [4, 4] }] }],
    ['a shape with a zero', { levels: [{ ...description.levels[0], shape: [4, 0, 4] }] }],
    ['an unknown dtype', { levels: [{ ...description.levels[0], dtype: 'bfloat16' }] }],
    ['a scale of 0', { scale: 0 }],
    ['a window of three numbers', { window: [0, 0, 1] }],
    ['a time that is none', { createdAt: 'yesterday' }],
    ['a missing weights digest', { weightsDigest: undefined }],
  ])('refuses %s', (_, change) => {
    expect(descriptionSchema.safeParse({ ...description, ...change }).success).toBe(false);
  });
});

test('describeLevel takes shape and type from the tensor', () => {
  expect(describeLevel({ ...levels[1]!, stride: 8 })).toEqual({
    name: 'C3',
    shape: [8, 8, 12],
    dtype: 'float16',
    layout: 'nhwc',
    stride: 8,
    channels: 12,
  });
});

test('archives lie below features, by id', () => {
  expect(archiveKey('ab12')).toBe('features/ab12.zarr.zip');
});
