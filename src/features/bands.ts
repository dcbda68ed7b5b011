import { BYTES_PER_ELEMENT } from '../backbone/tensor.js';
import type { LevelDescription } from './feature-set.js';

/** Large enough to compress well and read fast, small enough that a region costs little. */
const TARGET_BYTES = 1 << 20;

/** How a level is cut into bands of whole rows; each band is one contiguous slice of the tensor. */
export interface Bands {
  readonly rows: number;
  readonly count: number;
  readonly bytes: number;
}

/**
 * The tallest band of at most about 1 MiB that divides the height: Zarr would pad a last chunk that
 * is cut short, and then it would no longer be a slice of the tensor.
 */
export function bandsOf({ shape: [height, width, channels], dtype }: LevelDescription): Bands {
  const rowBytes = width * channels * BYTES_PER_ELEMENT[dtype];
  let rows = Math.min(height, Math.max(1, Math.round(TARGET_BYTES / rowBytes)));
  while (height % rows !== 0) rows--;
  return { rows, count: height / rows, bytes: rows * rowBytes };
}
