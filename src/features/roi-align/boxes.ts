import { CairnError } from '../../errors.js';

/** The project whose RoI pooling is reproduced. */
export const ROI_METHODS = ['matterport', 'detectron2', 'torchvision'] as const;
export type RoiMethod = (typeof ROI_METHODS)[number];

/** Pixels of the canvas, or fractions of it. */
export const COORDINATES = ['pixel', 'normalized'] as const;
export type Coordinates = (typeof COORDINATES)[number];

/** Order of a box's corners: `y0, x0, y1, x1` or `x0, y0, x1, y1`. */
export const BOX_FORMATS = ['yxyx', 'xyxy'] as const;
export type BoxFormat = (typeof BOX_FORMATS)[number];

/** Each project's own order. */
export const DEFAULT_FORMAT: Readonly<Record<RoiMethod, BoxFormat>> = {
  matterport: 'yxyx',
  detectron2: 'xyxy',
  torchvision: 'xyxy',
};

/**
 * A box as its method computes with it, in float32: for Matterport in normalised coordinates, where 1 is
 * the last pixel; for the others in pixels of the canvas.
 */
export interface Box {
  readonly y0: number;
  readonly x0: number;
  readonly y1: number;
  readonly x1: number;
}

export interface Placing {
  readonly method: RoiMethod;
  readonly coordinates: Coordinates;
  readonly format: BoxFormat;
  /** Side of the canvas in pixels. */
  readonly size: number;
}

/** Sixteen of the largest canvases: an adaptive grid's samples grow with the box, even outside the image. */
export const MAX_COORDINATE = 65_536;

/**
 * Converts boxes from the client's form. Pixels are normalised like Matterport's `norm_boxes`, where the
 * lower right corner is the first pixel outside: `(y1 − 1) / (size − 1)`. Normalised boxes of the other methods
 * are fractions of the canvas' side.
 *
 * @throws CairnError `option-invalid` for numbers that are not finite or too large, and for an
 *   inverted box where the method does not define it (Matterport's flips the region).
 */
export function placeBoxes(
  given: readonly (readonly number[])[],
  { method, coordinates, format, size }: Placing,
): Box[] {
  const normalized = coordinates === 'normalized';
  const largest = normalized ? MAX_COORDINATE / size : MAX_COORDINATE;
  const place = (value: number, end: 0 | 1) => {
    if (method === 'matterport') return Math.fround(normalized ? value : (value - end) / (size - 1));
    return Math.fround(normalized ? value * size : value);
  };
  return given.map((numbers, index) => {
    if (numbers.length !== 4 || !numbers.every((value) => Math.abs(value) <= largest)) {
      throw new CairnError('option-invalid', `boxes[${index}] must be four numbers from -${largest} to ${largest}.`);
    }
    const [a, b, c, d] = numbers as [number, number, number, number];
    const [y0, x0, y1, x1] = format === 'yxyx' ? [a, b, c, d] : [b, a, d, c];
    if (method !== 'matterport' && (y1 < y0 || x1 < x0)) {
      const order = format === 'yxyx' ? 'y0, x0, y1, x1' : 'x0, y0, x1, y1';
      throw new CairnError('option-invalid', `boxes[${index}] is inverted; corners are ${order}.`);
    }
    return { y0: place(y0, 0), x0: place(x0, 0), y1: place(y1, 1), x1: place(x1, 1) };
  });
}
