import { describe, expect, test } from '@jest/globals';
import { fitsShape, shapeInFile, toGraphLayout } from '../../../../src/backbone/weights/layout.js';

describe('the layout of PyTorch', () => {
  test.each([
    [
      [7, 7, 3, 64],
      [64, 3, 7, 7],
    ],
    [
      [2048, 1000],
      [1000, 2048],
    ],
    [[64], [64]],
  ])('%j of the graph is %j in the file', (shape, expected) => {
    expect(shapeInFile(shape, 'oihw')).toEqual(expected);
    expect(shapeInFile(shape, 'hwio')).toEqual(shape);
  });

  test('is turned into the graph’s, element by element', () => {
    const [height, width, inputs, outputs] = [2, 3, 4, 5];
    const at = (h: number, w: number, i: number, o: number) => 1000 * h + 100 * w + 10 * i + o;
    const values: number[] = [];
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++)
        for (let h = 0; h < height; h++) for (let w = 0; w < width; w++) values.push(at(h, w, i, o));
    const turned = toGraphLayout(Float32Array.from(values), [height, width, inputs, outputs], 'oihw');
    let next = 0;
    for (let h = 0; h < height; h++)
      for (let w = 0; w < width; w++)
        for (let i = 0; i < inputs; i++) for (let o = 0; o < outputs; o++) expect(turned[next++]).toBe(at(h, w, i, o));
  });

  test('dense layers are transposed, vectors and the graph’s own layout are not touched', () => {
    const values = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect([...toGraphLayout(values, [3, 2], 'oihw')]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(toGraphLayout(values, [6], 'oihw')).toBe(values);
    expect(toGraphLayout(values, [3, 2], 'hwio')).toBe(values);
  });
});

describe('fitsShape', () => {
  test.each([
    ['hwio', [7, 7, 3, 64], [7, 7, 3, 64], true],
    ['hwio', [64, 3, 7, 7], [7, 7, 3, 64], false],
    ['oihw', [64, 3, 7, 7], [7, 7, 3, 64], true],
    ['oihw', [7, 7, 3, 64], [7, 7, 3, 64], false],
    ['oihw', [1000, 2048], [2048, 1000], true],
    // A classifier may be a 1×1 convolution.
    ['hwio', [1, 1, 2048, 1000], [2048, 1000], true],
    ['hwio', [2048, 1000], [1, 1, 2048, 1000], true],
    ['oihw', [1000, 2048, 1, 1], [2048, 1000], true],
    ['hwio', [1, 1, 1000, 2048], [2048, 1000], false],
    ['hwio', [2, 1, 2048, 1000], [2048, 1000], false],
    // Vectors have one axis.
    ['hwio', [1, 1, 64], [64], false],
    ['hwio', [64, 1], [64], false],
    ['hwio', [1, 1, 1, 64], [64], false],
    ['hwio', [], [64], false],
  ] as const)('%s: %j in the file for %j: %s', (layout, found, shape, fits) => {
    expect(fitsShape(found, shape, layout)).toBe(fits);
  });
});
