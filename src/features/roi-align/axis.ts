import type { RoiMethod } from './boxes.js';

/**
 * One sample along one axis of a level: `(1 − t) · value[low] + t · value[high]`, or nothing where
 * the sample lies outside of the level.
 */
export interface Tap {
  readonly low: number;
  readonly high: number;
  readonly t: number;
}

/** The samples of each bin along one axis; `undefined` is a sample outside of the level, which counts as 0. */
export interface AxisPlan {
  readonly bins: readonly (readonly (Tap | undefined)[])[];
  /** What the sum of a bin's samples is divided by along this axis. */
  readonly samples: number;
}

export interface Axis {
  /** The box's edges along the axis, in pixels of the canvas. */
  readonly from: number;
  readonly to: number;
  readonly bins: number;
  /** Length of the level along the axis, and of the canvas. */
  readonly length: number;
  readonly size: number;
  readonly stride: number;
}

/**
 * The published code computes places in float32. How many samples there are and whether one lies
 * outside turns on the last bit, so it is done likewise here.
 */
const f32 = Math.fround;

/** What a method reads along one axis. A region is the product of its two axes. */
export function planAxis(axis: Axis, method: RoiMethod, samplingRatio: number): AxisPlan {
  return method === 'matterport' ? cropAndResize(axis) : roiAlign(axis, method === 'detectron2', samplingRatio);
}

/**
 * `tf.image.crop_and_resize`, bilinear, of a box normalised as Matterport's `norm_boxes` does it: one
 * sample a bin, the outermost on the box's corners, 0 outside of the level.
 */
function cropAndResize({ from, to, bins, length, size }: Axis): AxisPlan {
  const [start, end] = [f32(f32(from) / (size - 1)), f32(f32(to - 1) / (size - 1))];
  const last = length - 1;
  const step = bins > 1 ? f32(f32(f32(end - start) * last) / (bins - 1)) : 0;
  const places = Array.from({ length: bins }, (_, bin) =>
    bins > 1 ? f32(f32(start * last) + f32(bin * step)) : f32(f32(0.5 * f32(start + end)) * last),
  );
  const tap = (place: number): Tap | undefined => {
    if (!(place >= 0 && place <= last)) return undefined;
    const low = Math.floor(place);
    return { low, high: Math.ceil(place), t: place - low };
  };
  return { bins: places.map((place) => [tap(place)]), samples: 1 };
}

/**
 * ROIAlign (He et al. 2017): the mean of a grid of bilinear samples in each bin. `aligned`
 * (Detectron2's ROIAlignV2) takes pixel centres half a pixel in; without it (torchvision) boxes are at
 * least one cell wide. A `samplingRatio` of 0 takes as many samples as the bin has cells.
 */
function roiAlign({ from, to, bins, length, stride }: Axis, aligned: boolean, samplingRatio: number): AxisPlan {
  const offset = aligned ? 0.5 : 0;
  const start = f32(f32(from / stride) - offset);
  const whole = f32(f32(f32(to / stride) - offset) - start);
  const span = aligned ? whole : Math.max(whole, 1);
  const bin = f32(span / bins);
  const samples = samplingRatio > 0 ? samplingRatio : Math.ceil(bin);
  const place = (index: number, sample: number) =>
    f32(f32(start + f32(index * bin)) + f32(f32((sample + 0.5) * bin) / samples));
  const plan = Array.from({ length: bins }, (_, index) =>
    Array.from({ length: samples }, (_, sample) => borderTap(place(index, sample), length)),
  );
  return { bins: plan, samples: Math.max(samples, 1) };
}

/** Within one cell of the border a sample takes the border's value; further out, nothing. */
function borderTap(place: number, length: number): Tap | undefined {
  if (!(place >= -1 && place <= length)) return undefined;
  const inside = Math.max(place, 0);
  const low = Math.floor(inside);
  if (low >= length - 1) return { low: length - 1, high: length - 1, t: 0 };
  return { low, high: low + 1, t: inside - low };
}
