import { BYTES_PER_ELEMENT } from '../backbone/tensor.js';
import type { LevelDescription } from './feature-set.js';

/** Large enough to compress well and read fast, small enough that a region costs little. */
const TARGET_BYTES = 1 << 20;

/** How a level is cut along the first axis of its array; each band is one contiguous slice of the tensor. */
export interface Bands {
  /** Indices of the first axis per band. */
  readonly length: number;
  readonly count: number;
  readonly shape: readonly [number, number, number];
  readonly bytes: number;
}

/**
 * The largest band of about 1 MiB whose length divides the first axis: Zarr would pad a shorter last
 * chunk, which would then no longer be a slice of the tensor.
 */
export function bandsOf({ shape: [first, second, third], dtype }: LevelDescription): Bands {
  const sliceBytes = second * third * BYTES_PER_ELEMENT[dtype];
  let length = Math.min(first, Math.max(1, Math.round(TARGET_BYTES / sliceBytes)));
  while (first % length !== 0) length--;
  return { length, count: first / length, shape: [length, second, third], bytes: length * sliceBytes };
}
