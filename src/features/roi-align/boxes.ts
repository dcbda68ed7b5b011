/** A box in pixels of the canvas, corners `y0, x0, y1, x1`; the lower right corner lies outside of it. */
export interface Box {
  readonly y0: number;
  readonly x0: number;
  readonly y1: number;
  readonly x1: number;
}

/** How regions are cut out: whose head is going to read them. */
export const ROI_METHODS = ['matterport', 'detectron2', 'torchvision'] as const;
export type RoiMethod = (typeof ROI_METHODS)[number];

/** The finest and the coarsest level that heads read, P2 and P5 (or C2 and C5), and the one of a 224-pixel box. */
const FINEST = 2;
const COARSEST = 5;
const CANONICAL_LEVEL = 4;
const CANONICAL_SIDE = 224;

/**
 * The level from which a box is read, 2 … 5, as each project assigns it:
 *
 * - Matterport (`PyramidROIAlign`): `4 + round(log2(√(h·w) / (224 / side)))` of normalised sides;
 * - Detectron2 (`assign_boxes_to_levels`): `floor(4 + log2(√area / 224 + 1e-8))`;
 * - torchvision (`LevelMapper`): `floor(4 + log2(√area / 224) + 1e-6)`.
 *
 * A box without area goes to the finest level in all of them.
 */
export function levelOfBox({ y0, x0, y1, x1 }: Box, method: RoiMethod, size: number): number {
  if (method === 'matterport') {
    // Matterport normalises the last pixel, not the edge behind it, to 1.
    const [height, width] = [(y1 - 1 - y0) / (size - 1), (x1 - 1 - x0) / (size - 1)];
    return clamp(CANONICAL_LEVEL + roundHalfToEven(Math.log2((Math.sqrt(height * width) * size) / CANONICAL_SIDE)));
  }
  const side = Math.sqrt((y1 - y0) * (x1 - x0)) / CANONICAL_SIDE;
  return clamp(
    method === 'detectron2'
      ? Math.floor(CANONICAL_LEVEL + Math.log2(side + 1e-8))
      : Math.floor(CANONICAL_LEVEL + Math.log2(side) + 1e-6),
  );
}

/** The logarithm of nothing, or of a box turned inside out, counts as the least. */
function clamp(level: number): number {
  return Number.isNaN(level) ? FINEST : Math.min(COARSEST, Math.max(FINEST, level));
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
