import { describe, expect, test } from '@jest/globals';
import {
  NumpyArray,
  NumpyDtype,
  toContiguous,
  torchTensor,
} from '../../../../../src/backbone/weights/pickle/tensors.js';

const storage = { key: '0', dtype: 'float32', elements: 24 };

describe('torchTensor', () => {
  test.each([
    [0, [2, 3, 4], [12, 4, 1], 24, true],
    [6, [2, 3], [3, 1], 6, true],
    [0, [4, 3, 2], [1, 4, 12], 24, false],
    [1, [3, 2], [8, 4], 21, false],
    // Strides of axes of one element say nothing.
    [0, [1, 24], [5, 1], 24, true],
    [23, [], [], 1, true],
    [24, [0, 5], [1, 1], 0, false],
  ])('at %d, of shape %j and strides %j', (offset, shape, strides, extent, contiguous) => {
    const tensor = torchTensor(storage, offset, shape, strides);
    expect([tensor.extent, tensor.contiguous]).toEqual([extent, contiguous]);
  });

  test.each([
    [20, [5], [1], 'outside its storage'],
    [0, [2, 3], [12, 7], 'outside its storage'],
    [0, [2 ** 40], [2 ** 40], 'outside its storage'],
    [0, [2 ** 52, 2 ** 52], [0, 0], 'repeats the 24 elements'],
    [0, [1000], [0], 'repeats the 24 elements'],
    [-1, [5], [1], 'no offset, size and strides'],
    [0, [5], [-1], 'no offset, size and strides'],
    [0, [5], [1, 1], 'no offset, size and strides'],
    [0, [1.5], [1], 'no offset, size and strides'],
    [0, Array(9).fill(1), Array(9).fill(1), 'no offset, size and strides'],
    [0, 'size', [1], 'no offset, size and strides'],
    [2n ** 70n, [1], [1], 'no offset, size and strides'],
  ])('refuses offset %s, shape %j, strides %j', (offset, shape, strides, message) => {
    expect(() => torchTensor(storage, offset, shape, strides)).toThrow(message);
  });
});

test('toContiguous orders the elements of a view', () => {
  const values = Float32Array.from({ length: 6 }, (_, i) => i);
  const turned = torchTensor(storage, 0, [3, 2], [1, 3]);
  expect([...toContiguous(turned, values)]).toEqual([0, 3, 1, 4, 2, 5]);
  const everySecond = torchTensor(storage, 0, [3], [2]);
  expect([...toContiguous(everySecond, values)]).toEqual([0, 2, 4]);
  // Overlapping rows.
  const windows = torchTensor(storage, 0, [3, 2], [1, 1]);
  expect([...toContiguous(windows, values)]).toEqual([0, 1, 1, 2, 2, 3]);
});

describe('NumpyArray', () => {
  const dtype = new NumpyDtype('f4');
  dtype.build([3, '<', null, null, null, -1, -1, 0]);

  test('has the state that its pickle sets', () => {
    const array = new NumpyArray();
    array.build([1, [2, 3], dtype, true, 'data']);
    expect(array).toMatchObject({ shape: [2, 3], fortranOrder: true, data: 'data' });
    expect(array.dtype!.descr).toBe('<f4');
  });

  test.each([
    ['<', '<f4'],
    ['=', '<f4'],
    ['>', '>f4'],
    ['|', '|f4'],
  ])('byte order %s', (order, descr) => {
    const type = new NumpyDtype('f4');
    type.build([3, order]);
    expect(type.descr).toBe(descr);
  });

  test.each([[null], [[]], [[1, [2], 'f4', false, '']], [[1, [-2], dtype, false, '']]])(
    'refuses the state %j',
    (state) => {
      expect(() => new NumpyArray().build(state)).toThrow('no shape and type');
    },
  );
});
