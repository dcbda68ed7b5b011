import { describe, expect, test } from '@jest/globals';
import { MAX_COORDINATE, placeBoxes, type Placing } from '../../../../src/features/roi-align/boxes.js';

const { fround } = Math;
const pixels: Placing = { method: 'matterport', coordinates: 'pixel', format: 'yxyx', size: 256 };

describe('placeBoxes', () => {
  test('normalises pixels as Matterport does: 1 is the last pixel, and the lower right corner lies outside', () => {
    expect(
      placeBoxes(
        [
          [0, 0, 256, 128],
          [51, 102, 52, 103],
        ],
        pixels,
      ),
    ).toEqual([
      { y0: 0, x0: 0, y1: 1, x1: fround(127 / 255) },
      { y0: fround(0.2), x0: fround(0.4), y1: fround(0.2), x1: fround(0.4) },
    ]);
  });

  test('takes Matterport’s normalised boxes as they are', () => {
    const [box] = placeBoxes([[0.1, -0.5, 0.75, 1.5]], { ...pixels, coordinates: 'normalized' });
    expect(box).toEqual({ y0: fround(0.1), x0: -0.5, y1: 0.75, x1: 1.5 });
  });

  test.each(['detectron2', 'torchvision'] as const)(
    '%s computes in pixels, of which normalised boxes are parts',
    (method) => {
      expect(placeBoxes([[1, 2, 3, 4.1]], { ...pixels, method })).toEqual([{ y0: 1, x0: 2, y1: 3, x1: fround(4.1) }]);
      expect(placeBoxes([[0, 0.25, 0.5, 1]], { ...pixels, method, coordinates: 'normalized' })).toEqual([
        { y0: 0, x0: 64, y1: 128, x1: 256 },
      ]);
    },
  );

  test('reads both orders', () => {
    expect(placeBoxes([[2, 1, 4, 3]], { ...pixels, method: 'detectron2', format: 'xyxy' })).toEqual([
      { y0: 1, x0: 2, y1: 3, x1: 4 },
    ]);
  });

  test.each([
    ['not a number', [0, 0, NaN, 1]],
    ['infinite', [0, 0, Infinity, 1]],
    ['too far away', [0, -MAX_COORDINATE - 1, 1, 1]],
    ['three numbers', [0, 1, 2]],
    ['five numbers', [0, 1, 2, 3, 4]],
  ])('refuses what is %s, and names the box', (_, box) => {
    for (const method of ['matterport', 'detectron2'] as const) {
      expect(() => placeBoxes([[0, 0, 1, 1], box], { ...pixels, method })).toThrow(
        expect.objectContaining({ code: 'option-invalid', message: expect.stringContaining('boxes[1]') }),
      );
    }
  });

  test('the limit is the same number of pixels for normalised boxes', () => {
    const normalized: Placing = { ...pixels, coordinates: 'normalized' };
    expect(placeBoxes([[0, 0, 1, 256]], normalized)).toHaveLength(1);
    expect(() => placeBoxes([[0, 0, 1, 257]], normalized)).toThrow('from -256 to 256');
  });

  test('a box that is inverted is refused where it has no meaning; Matterport flips it', () => {
    for (const box of [
      [5, 0, 4, 9],
      [0, 9, 4, 8],
    ]) {
      expect(placeBoxes([box], pixels)).toHaveLength(1);
      for (const method of ['detectron2', 'torchvision'] as const) {
        expect(() => placeBoxes([box], { ...pixels, method })).toThrow(
          expect.objectContaining({ code: 'option-invalid', message: expect.stringContaining('inverted') }),
        );
      }
    }
    expect(placeBoxes([[4, 4, 4, 4]], { ...pixels, method: 'detectron2' })).toHaveLength(1);
  });
});
