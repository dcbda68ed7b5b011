import { describe, expect, test } from '@jest/globals';
import { describeLevel, type LevelDescription } from '../../../src/features/feature-set.js';
import { bandsUnder, cutBand, cutLevel, cutOf, type Window } from '../../../src/features/window.js';
import { numberLevel } from '../../support/pyramids.js';

function level(stride: number, shape: [number, number, number]): LevelDescription {
  return { name: 'C2', shape, dtype: 'float16', stride, channels: shape[2] };
}

describe('cutOf', () => {
  test.each([
    ['whole cells', [8, 16, 24, 32], [2, 6], [4, 8]],
    ['cells that it touches', [9, 15.5, 20.5, 17], [2, 6], [3, 5]],
    ['one cell', [5, 5, 6, 6], [1, 2], [1, 2]],
    ['everything', [0, 0, 64, 64], [0, 16], [0, 16]],
    ['the last pixel', [63, 63, 64, 64], [15, 16], [15, 16]],
  ] as const)('a window covers %s', (_, window, rows, columns) => {
    expect(cutOf(level(4, [16, 16, 8]), window)).toEqual({ rows, columns });
    expect(cutLevel(level(4, [16, 16, 8]), window).shape).toEqual([rows[1] - rows[0], columns[1] - columns[0], 8]);
  });

  test('of a map that is a cell short of its canvas, what there is', () => {
    expect(cutOf(level(4, [15, 15, 8]), [0, 62, 64, 64])).toEqual({ rows: [0, 15], columns: [14, 15] });
  });
});

test.each([[[0, 0, 256, 256]], [[0, 0, 1, 1]], [[60, 30, 140, 95]], [[63, 0, 65, 256]]] as const)(
  'the bands under %j bring the rows and columns of the cut, in order',
  (window: Window) => {
    const source = numberLevel('P2', [64, 64, 256], 4);
    const described = describeLevel(source);
    const rows = 16; // of 64 KiB each
    const { rows: y, columns: x } = cutOf(described, window);
    const bands = bandsUnder(described, { rows: y, columns: x });
    expect(bands).toEqual([0, 1, 2, 3].slice(Math.floor(y[0] / rows), Math.ceil(y[1] / rows)));
    const rowBytes = 64 * 256 * 4;
    const band = (number: number) =>
      source.tensor.data.subarray(number * rows * rowBytes, (number + 1) * rows * rowBytes);
    const cut = Buffer.concat(bands.map((number) => cutBand(band(number), described, number, { rows: y, columns: x })));
    const expected: Uint8Array[] = [];
    for (let row = y[0]; row < y[1]; row++) {
      expected.push(source.tensor.data.subarray(row * rowBytes + x[0] * 1024, row * rowBytes + x[1] * 1024));
    }
    expect(cut.equals(Buffer.concat(expected))).toBe(true);
  },
);
