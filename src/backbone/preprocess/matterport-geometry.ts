import { roundHalfToEven } from '../../formats/round-half-to-even.js';

/** The placement of an image on the square canvas. */
export interface Placement {
  /** Height and width of the resized image, in canvas pixels. */
  readonly height: number;
  readonly width: number;
  /** `[y0, x0, y1, x1]` of the image on the canvas; the rest is padding. */
  readonly window: readonly [number, number, number, number];
  /** Canvas pixels per image pixel, before rounding to whole pixels. */
  readonly scale: number;
}

/**
 * Matterport's `resize_image` in `square` mode: enlarge until the shorter side reaches 800/1024 of
 * the canvas (never shrink for it), shrink where the longer side would not fit, centre with the odd
 * pixel of padding at the bottom and right.
 */
export function placeOnSquare(height: number, width: number, size: number): Placement {
  const leastSide = (size * 800) / 1024;
  let scale = Math.max(1, leastSide / Math.min(height, width));
  const longest = Math.max(height, width);
  if (roundHalfToEven(longest * scale) > size) scale = size / longest;
  // A sliver can round to nothing; one row of it is kept.
  const newHeight = Math.max(1, roundHalfToEven(height * scale));
  const newWidth = Math.max(1, roundHalfToEven(width * scale));
  const top = Math.floor((size - newHeight) / 2);
  const left = Math.floor((size - newWidth) / 2);
  return { height: newHeight, width: newWidth, window: [top, left, top + newHeight, left + newWidth], scale };
}
