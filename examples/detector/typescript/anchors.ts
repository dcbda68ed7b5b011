export const LEVELS = ['P2', 'P3', 'P4', 'P5', 'P6'] as const;
export type LevelName = (typeof LEVELS)[number];

/** `RPN_ANCHOR_SCALES`: sides in pixels of the canvas. */
const SCALES: Record<LevelName, number> = { P2: 32, P3: 64, P4: 128, P5: 256, P6: 512 };
const STRIDES: Record<LevelName, number> = { P2: 4, P3: 8, P4: 16, P5: 32, P6: 64 };
/** Width over height. */
const RATIOS = [0.5, 1, 2];

/** `[y0, x0, y1, x1]` */
export type Box = readonly [number, number, number, number];

/**
 * Matterport's anchors of one level, normalised, in the order of `rpn_class_raw`: one scale, three ratios, one centre
 * per cell, on its upper left corner. `size` is the side of the canvas.
 */
export function levelAnchors(level: LevelName, [height, width]: readonly [number, number], size: number): Box[] {
  const boxes: Box[] = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (const ratio of RATIOS) {
        const [y, x] = [row * STRIDES[level], column * STRIDES[level]];
        const [h, w] = [SCALES[level] / Math.sqrt(ratio), SCALES[level] * Math.sqrt(ratio)];
        boxes.push(normalise([y - h / 2, x - w / 2, y + h / 2, x + w / 2], [size, size]));
      }
    }
  }
  return boxes;
}

/** Pixels to 0..1, as Matterport's `norm_boxes`: the lower right corner is outside the box in pixels, on it here. */
export function normalise([y0, x0, y1, x1]: Box, [height, width]: readonly [number, number]): Box {
  return [y0 / (height - 1), x0 / (width - 1), (y1 - 1) / (height - 1), (x1 - 1) / (width - 1)];
}

export function denormalise([y0, x0, y1, x1]: Box, [height, width]: readonly [number, number]): Box {
  return [y0 * (height - 1), x0 * (width - 1), y1 * (height - 1) + 1, x1 * (width - 1) + 1];
}
