import type { Box } from './anchors.js';

/** `RPN_BBOX_STD_DEV` and `BBOX_STD_DEV`: the factors of the networks' deltas. */
const DEVIATION = [0.1, 0.1, 0.2, 0.2] as const;

/** Applies four deltas from `offset` on: shifts the centre by fractions of the sides, scales them by exponentials. */
export function applyDeltas([y0, x0, y1, x1]: Box, deltas: Float32Array, offset: number): Box {
  const [dy, dx, dh, dw] = DEVIATION.map((factor, index) => factor * deltas[offset + index]!) as [...Box];
  const y = y0 + (y1 - y0) * (0.5 + dy);
  const x = x0 + (x1 - x0) * (0.5 + dx);
  const height = (y1 - y0) * Math.exp(dh);
  const width = (x1 - x0) * Math.exp(dw);
  return [y - height / 2, x - width / 2, y + height / 2, x + width / 2];
}

/** Clips a box to the window. */
export function clip([y0, x0, y1, x1]: Box, [top, left, bottom, right]: Box): Box {
  const y = (value: number) => Math.min(Math.max(value, top), bottom);
  const x = (value: number) => Math.min(Math.max(value, left), right);
  return [y(y0), x(x0), y(y1), x(x1)];
}

export function area([y0, x0, y1, x1]: Box): number {
  return (y1 - y0) * (x1 - x0);
}

/** Positions of the `most` best scores, best first; of equal ones the earlier. */
export function best(scores: ArrayLike<number>, most = scores.length): number[] {
  const order = Array.from(scores, (_, index) => index);
  return order.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, most);
}

/** Positions of at most `most` boxes, best first, none of which overlaps a better one by more than `threshold` (IoU). */
export function suppress(boxes: readonly Box[], scores: ArrayLike<number>, threshold: number, most: number): number[] {
  const kept: number[] = [];
  for (const index of best(scores)) {
    if (kept.length === most) break;
    if (kept.every((other) => overlap(boxes[other]!, boxes[index]!) <= threshold)) kept.push(index);
  }
  return kept;
}

/** Intersection over union; a box without area overlaps nothing. */
function overlap(a: Box, b: Box): number {
  const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (height <= 0 || width <= 0) return 0;
  const shared = height * width;
  return shared / (area(a) + area(b) - shared);
}
