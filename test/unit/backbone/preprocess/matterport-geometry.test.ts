import { describe, expect, test } from '@jest/globals';
import { placeOnSquare } from '../../../../src/backbone/preprocess/matterport-geometry.js';
import { roundHalfToEven } from '../../../../src/formats/round-half-to-even.js';
import { randomNumbers } from '../../../support/tensors.js';

const random = randomNumbers(2017);

/** Sizes of images and canvases: most like photos, some slivers, some exactly at the limits. */
const CASES = Array.from({ length: 5000 }, (_, i) => {
  const longest = i % 10 === 0 ? 20_000 : 2500;
  const side = () => 1 + Math.floor(random() * longest);
  return {
    height: i % 7 === 0 ? 1 + (i % 20) : side(),
    width: i % 11 === 0 ? 1024 : side(),
    size: 64 * (1 + (i % 32)),
  };
});

const PLACED = CASES.map((each) => ({ ...each, placed: placeOnSquare(each.height, each.width, each.size) }));

describe('placeOnSquare', () => {
  test('keeps every image on the canvas, in the middle, the odd pixel of padding at the bottom and right', () => {
    const wrong = PLACED.filter(({ size, placed }) => {
      const [y0, x0, y1, x1] = placed.window;
      const fits = (before: number, length: number) => {
        const after = size - before - length;
        return length >= 1 && before >= 0 && (after === before || after === before + 1);
      };
      const agree = y1 - y0 === placed.height && x1 - x0 === placed.width;
      return !(agree && fits(y0, placed.height) && fits(x0, placed.width));
    });
    expect(wrong).toEqual([]);
  });

  test('keeps the proportions to the nearest pixel', () => {
    const wrong = PLACED.filter(({ height, width, placed }) => {
      const near = (found: number, exact: number) => Math.abs(found - Math.max(1, exact * placed.scale)) <= 0.5;
      return !(near(placed.height, height) && near(placed.width, width));
    });
    expect(wrong).toEqual([]);
  });

  test('either fills the canvas, or reaches the least side, or leaves a large enough image its size', () => {
    const loose = PLACED.filter(({ size, placed }) => Math.max(placed.height, placed.width) < size);
    const wrong = loose.filter(({ height, width, size, placed }) => {
      const scale = Math.max(1, (size * 800) / 1024 / Math.min(height, width));
      return Math.abs(placed.scale - scale) > 1e-12 * scale;
    });
    expect(wrong).toEqual([]);
    expect(loose.length).toBeGreaterThan(100);
    expect(PLACED.length - loose.length).toBeGreaterThan(100);
  });

  test.each([
    // Figures of Matterport's resize_image with min_dim 800 and max_dim 1024.
    [400, 600, 1024, [170, 0, 853, 1024], 1024 / 600],
    [1024, 1024, 1024, [0, 0, 1024, 1024], 1],
    [700, 700, 1024, [112, 112, 912, 912], 800 / 700],
    [900, 1000, 1024, [62, 12, 962, 1012], 1],
    [1200, 1600, 1024, [128, 0, 896, 1024], 0.64],
    [600, 400, 1024, [0, 170, 1024, 853], 1024 / 600],
    [128, 128, 128, [0, 0, 128, 128], 1],
  ])('%i×%i on %i lies at %j', (height, width, size, window, scale) => {
    const placed = placeOnSquare(height, width, size);
    expect(placed.window).toEqual(window);
    expect(placed.scale).toBeCloseTo(scale, 14);
  });

  test('a height that falls on a half goes to the even row', () => {
    // 5 × 0.5 and 7 × 0.5, with the longer side halved.
    expect(placeOnSquare(5, 128, 64)).toMatchObject({ height: 2, width: 64, scale: 0.5 });
    expect(placeOnSquare(7, 128, 64)).toMatchObject({ height: 4, width: 64, scale: 0.5 });
  });

  test('a sliver keeps one row', () => {
    expect(placeOnSquare(1, 20_000, 64)).toMatchObject({ height: 1, width: 64, window: [31, 0, 32, 64] });
    expect(placeOnSquare(20_000, 1, 64)).toMatchObject({ height: 64, width: 1, window: [0, 31, 64, 32] });
  });
});

test.each([
  [0.5, 0],
  [1.5, 2],
  [2.5, 2],
  [3.5, 4],
  [2.4999, 2],
  [2.5001, 3],
  [682.5, 682],
  [683.5, 684],
  [7, 7],
  [-0.5, -0],
  [-1.5, -2],
  [-2.5, -2],
])('roundHalfToEven(%d) is %d, as in Python', (value, rounded) => {
  expect(roundHalfToEven(value) + 0).toBe(rounded + 0);
});
