/** Anything may unpack to this size; beyond it the ratio is limited: images and text do not compress that well. */
const SMALL_BYTES = 64 << 20;
export const MAX_INFLATION = 100;

/** Whether `packed` bytes cannot plausibly unpack to `size` bytes: a decompression bomb. */
export function isBomb(size: number, packed: number): boolean {
  return size > SMALL_BYTES && size > packed * MAX_INFLATION;
}
