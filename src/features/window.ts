import { BYTES_PER_ELEMENT } from '../backbone/tensor.js';
import type { LevelDescription } from './feature-set.js';
import { bandsOf, byAxis, inArrayOrder, lengthOf, type Range } from './level-axes.js';

/** A part of the canvas in pixels, `[y0, x0, y1, x1]`; the lower right corner is exclusive. */
export type Window = readonly [number, number, number, number];

/** A box of a level's array: one range per axis. */
export type Cut = readonly [Range, Range, Range];

/**
 * The part of a level under a window: rows `floor(y0 / stride)` to `ceil(y1 / stride)`, columns likewise,
 * at least one of each, and all channels. Clamped to maps that are a cell shorter than their canvas.
 */
export function cutOf(level: LevelDescription, [y0, x0, y1, x1]: Window): Cut {
  const between = (axis: 'y' | 'x', from: number, to: number): Range => [
    Math.min(Math.floor(from / level.stride), lengthOf(level, axis) - 1),
    Math.min(Math.ceil(to / level.stride), lengthOf(level, axis)),
  ];
  return inArrayOrder(level, {
    y: between('y', y0, y1),
    x: between('x', x0, x1),
    channel: [0, lengthOf(level, 'channel')] as const,
  });
}

/** The cut that is all of a level. */
export function wholeOf({ shape: [first, second, third] }: LevelDescription): Cut {
  return [
    [0, first],
    [0, second],
    [0, third],
  ];
}

/** Row and column of a level where a cut begins. */
export function originOf(level: LevelDescription, cut: Cut): [row: number, column: number] {
  const { y, x } = byAxis(level, cut);
  return [y[0], x[0]];
}

/** The level that remains of `level` under a window. */
export function cutLevel(level: LevelDescription, window: Window): LevelDescription {
  const [a, b, c] = cutOf(level, window);
  return { ...level, shape: [a[1] - a[0], b[1] - b[0], c[1] - c[0]] };
}

/** The numbers of the bands that overlap a cut. */
export function bandsUnder(level: LevelDescription, [[from, to]]: Cut): number[] {
  const { length } = bandsOf(level);
  const first = Math.floor(from / length);
  return Array.from({ length: Math.ceil(to / length) - first }, (_, i) => first + i);
}

/** The part of a cut that lies in one band of a level, in C order. */
export function cutBand(bytes: Uint8Array, level: LevelDescription, band: number, cut: Cut): Uint8Array {
  const { length } = bandsOf(level);
  const element = BYTES_PER_ELEMENT[level.dtype];
  const row = level.shape[2] * element;
  const slice = level.shape[1] * row;
  const [outer, middle, [from, to]] = cut;
  const first = Math.max(outer[0] - band * length, 0);
  const last = Math.min(outer[1] - band * length, length);
  // Whole inner axes make longer runs of bytes: whole slices need no copy at all.
  const wholeRows = from === 0 && to === level.shape[2];
  if (wholeRows && middle[0] === 0 && middle[1] === level.shape[1]) return bytes.subarray(first * slice, last * slice);
  const rows = middle[1] - middle[0];
  const [runs, run] = wholeRows ? [1, rows * row] : [rows, (to - from) * element];
  const piece = new Uint8Array((last - first) * runs * run);
  for (let i = first, at = 0; i < last; i++) {
    for (let j = 0; j < runs; j++, at += run) {
      const start = i * slice + (middle[0] + j) * row + from * element;
      piece.set(bytes.subarray(start, start + run), at);
    }
  }
  return piece;
}
