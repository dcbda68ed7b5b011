import { bandsOf } from './bands.js';
import type { LevelDescription } from './feature-set.js';
import { BYTES_PER_ELEMENT } from '../backbone/tensor.js';

/** A part of the canvas in pixels, `[y0, x0, y1, x1]`; the lower right corner lies outside of it. */
export type Window = readonly [number, number, number, number];

/** Rows and columns of a level, the second of each pair outside. */
export interface Cut {
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
}

/**
 * What a level has under a window: rows `floor(y0 / stride)` to `ceil(y1 / stride)`, columns likewise,
 * and at least one of each. Maps that are a cell short of their canvas end where they end.
 */
export function cutOf({ shape: [height, width], stride }: LevelDescription, [y0, x0, y1, x1]: Window): Cut {
  const between = (from: number, to: number, length: number): [number, number] => [
    Math.min(Math.floor(from / stride), length - 1),
    Math.min(Math.ceil(to / stride), length),
  ];
  return { rows: between(y0, y1, height), columns: between(x0, x1, width) };
}

/** What is left of a level under a window. */
export function cutLevel(level: LevelDescription, window: Window): LevelDescription {
  const { rows, columns } = cutOf(level, window);
  return { ...level, shape: [rows[1] - rows[0], columns[1] - columns[0], level.channels] };
}

/** The numbers of the bands that hold the rows of a cut. */
export function bandsUnder(level: LevelDescription, { rows: [from, to] }: Cut): number[] {
  const { rows } = bandsOf(level);
  const first = Math.floor(from / rows);
  return Array.from({ length: Math.ceil(to / rows) - first }, (_, i) => first + i);
}

/** What one band of a level brings to a cut, in C order. */
export function cutBand(bytes: Uint8Array, level: LevelDescription, band: number, { rows, columns }: Cut): Uint8Array {
  const bands = bandsOf(level);
  const cell = level.channels * BYTES_PER_ELEMENT[level.dtype];
  const row = level.shape[1] * cell;
  const first = band * bands.rows;
  const [from, to] = [Math.max(rows[0] - first, 0), Math.min(rows[1] - first, bands.rows)];
  const width = (columns[1] - columns[0]) * cell;
  if (width === row) return bytes.subarray(from * row, to * row);
  const cut = new Uint8Array((to - from) * width);
  for (let y = from; y < to; y++) {
    const start = y * row + columns[0] * cell;
    cut.set(bytes.subarray(start, start + width), (y - from) * width);
  }
  return cut;
}
