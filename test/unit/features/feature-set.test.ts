import { describe, expect, test } from '@jest/globals';
import { DTYPES } from '../../../src/backbone/tensor.js';
import { archiveKey, describeLevel, descriptionSchema } from '../../../src/features/feature-set.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';

const { description, levels } = featureSet(plansOf('float16'));
const [integers] = featureSet(plansOf('uint8')).description.levels;

describe('descriptionSchema', () => {
  test.each(DTYPES)('takes a description through JSON unchanged, in %s', (dtype) => {
    const { description } = featureSet(plansOf(dtype));
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
    ['integers without their scale', { levels: [{ ...description.levels[0], dtype: 'uint8' }] }],
    ['floats with a scale', { levels: [{ ...description.levels[0], quantization: { scale: 1, zeroPoint: 0 } }] }],
    ['a zero point of 256', { levels: [{ ...integers, quantization: { scale: 1, zeroPoint: 256 } }] }],
    ['a negative scale', { levels: [{ ...integers, quantization: { scale: -1, zeroPoint: 0 } }] }],
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

test('describeLevel tells what integers stand for', () => {
  const quantization = { scale: Math.fround(0.03), zeroPoint: 12 };
  const tensor = { dtype: 'uint8', shape: [1, 1, 2], data: new Uint8Array(2), quantization } as const;
  expect(describeLevel({ name: 'C1', stride: 4, tensor, clipped: false })).toMatchObject({
    dtype: 'uint8',
    quantization,
  });
  expect(describeLevel(levels[0]!)).not.toHaveProperty('quantization');
});

test('archives lie below features, by id', () => {
  expect(archiveKey('ab12')).toBe('features/ab12.zarr.zip');
});
