import { describe, expect, test } from '@jest/globals';
import { bandsOf } from '../../../src/features/level-axes.js';
import { describeLevel, type LevelDescription } from '../../../src/features/feature-set.js';
import { bandsUnder, cutBand, cutLevel, cutOf, originOf, type Cut, type Window } from '../../../src/features/window.js';
import { numberLevel } from '../../support/pyramids.js';

function level(stride: number, shape: [number, number, number]): LevelDescription {
  return { name: 'C2', shape, dtype: 'float16', layout: 'nhwc', stride, channels: shape[2] };
}

describe('cutOf', () => {
  test.each([
    ['whole cells', [8, 16, 24, 32], [2, 6], [4, 8]],
    ['cells that it touches', [9, 15.5, 20.5, 17], [2, 6], [3, 5]],
    ['one cell', [5, 5, 6, 6], [1, 2], [1, 2]],
    ['everything', [0, 0, 64, 64], [0, 16], [0, 16]],
    ['the last pixel', [63, 63, 64, 64], [15, 16], [15, 16]],
  ] as const)('a window covers %s', (_, window, rows, columns) => {
    expect(cutOf(level(4, [16, 16, 8]), window)).toEqual([rows, columns, [0, 8]]);
    expect(cutLevel(level(4, [16, 16, 8]), window).shape).toEqual([rows[1] - rows[0], columns[1] - columns[0], 8]);
  });

  test('of a map that is a cell short of its canvas, what there is', () => {
    expect(cutOf(level(4, [15, 15, 8]), [0, 62, 64, 64])).toEqual([
      [0, 15],
      [14, 15],
      [0, 8],
    ]);
  });
});

test.each([[[0, 0, 256, 256]], [[0, 0, 1, 1]], [[60, 30, 140, 95]], [[63, 0, 65, 256]]] as const)(
  'the bands under %j bring the rows and columns of the cut, in order',
  (window: Window) => {
    const source = numberLevel('P2', [64, 64, 256], 4);
    const described = describeLevel(source);
    const rows = 16; // of 64 KiB each
    const cut = cutOf(described, window);
    const [y, x] = cut;
    expect(originOf(described, cut)).toEqual([y[0], x[0]]);
    const bands = bandsUnder(described, cut);
    expect(bands).toEqual([0, 1, 2, 3].slice(Math.floor(y[0] / rows), Math.ceil(y[1] / rows)));
    const rowBytes = 64 * 256 * 4;
    const band = (number: number) =>
      source.tensor.data.subarray(number * rows * rowBytes, (number + 1) * rows * rowBytes);
    const pieces = Buffer.concat(bands.map((number) => cutBand(band(number), described, number, cut)));
    const expected: Uint8Array[] = [];
    for (let row = y[0]; row < y[1]; row++) {
      expected.push(source.tensor.data.subarray(row * rowBytes + x[0] * 1024, row * rowBytes + x[1] * 1024));
    }
    expect(pieces.equals(Buffer.concat(expected))).toBe(true);
  },
);

test.each<[string, Cut]>([
  [
    'a box of all three axes',
    [
      [3, 41],
      [7, 60],
      [100, 203],
    ],
  ],
  [
    'whole rows',
    [
      [3, 41],
      [7, 60],
      [0, 256],
    ],
  ],
  [
    'whole slices',
    [
      [3, 41],
      [0, 64],
      [0, 256],
    ],
  ],
  [
    'a part of the last axis only',
    [
      [0, 64],
      [0, 64],
      [1, 2],
    ],
  ],
])('any box of the array can be cut out of its bands: %s', (_, cut) => {
  const { tensor, ...rest } = numberLevel('P2', [64, 64, 256], 4);
  const described = describeLevel({ tensor, ...rest });
  const { bytes } = bandsOf(described);
  const band = (number: number) => tensor.data.subarray(number * bytes, (number + 1) * bytes);
  const pieces = bandsUnder(described, cut).map((number) => cutBand(band(number), described, number, cut));
  const expected: Uint8Array[] = [];
  for (let i = cut[0][0]; i < cut[0][1]; i++) {
    for (let j = cut[1][0]; j < cut[1][1]; j++) {
      const at = (i * 64 + j) * 256;
      expected.push(tensor.data.subarray((at + cut[2][0]) * 4, (at + cut[2][1]) * 4));
    }
  }
  expect(Buffer.concat(pieces).equals(Buffer.concat(expected))).toBe(true);
});
