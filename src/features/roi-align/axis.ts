import type { RoiMethod } from './boxes.js';

/** A row or column of a level and its weight in a bin. */
export interface Share {
  readonly at: number;
  readonly weight: number;
}

/** The shares of a bin along one axis, by rising index; empty for bins outside of the level. */
export type Bin = readonly Share[];

export interface Axis {
  /** The box's edges along the axis, as its method computes with them. */
  readonly from: number;
  readonly to: number;
  readonly bins: number;
  /** Cells of the level along the axis. */
  readonly length: number;
  readonly stride: number;
}

/**
 * The published code computes positions in float32. The number of samples, and whether one lies outside,
 * depends on the last bit, so this code does the same.
 */
const f32 = Math.fround;

/**
 * The bins of a region along one axis. Both kinds of sampling are separable: the value of a bin is the
 * sum of the cells under it, times their weights along y and x.
 */
export function planAxis(axis: Axis, method: RoiMethod, samplingRatio: number): Bin[] {
  return method === 'matterport' ? cropAndResize(axis) : roiAlign(axis, method === 'detectron2', samplingRatio);
}

/**
 * `tf.image.crop_and_resize`, bilinear: one sample per bin, the outermost on the box's corners (a single
 * one in its middle), 0 outside of the level.
 */
function cropAndResize({ from, to, bins, length }: Axis): Bin[] {
  const last = length - 1;
  const step = bins > 1 ? f32(f32(f32(to - from) * last) / (bins - 1)) : 0;
  return Array.from({ length: bins }, (_, bin) => {
    const place = bins > 1 ? f32(f32(from * last) + f32(bin * step)) : f32(0.5 * f32(from + to) * last);
    return place >= 0 && place <= last ? between(place) : [];
  });
}

/**
 * ROIAlign (He et al. 2017): the mean of a grid of bilinear samples in each bin. `aligned`
 * (Detectron2's ROIAlignV2) takes pixel centres half a pixel in; without it (torchvision) boxes are at
 * least one cell wide. A `samplingRatio` of 0 means as many samples as the bin has cells.
 */
function roiAlign({ from, to, bins, length, stride }: Axis, aligned: boolean, samplingRatio: number): Bin[] {
  const offset = aligned ? 0.5 : 0;
  const start = f32(f32(from / stride) - offset);
  const whole = f32(f32(f32(to / stride) - offset) - start);
  const width = f32((aligned ? whole : Math.max(whole, 1)) / bins);
  const samples = samplingRatio > 0 ? samplingRatio : Math.ceil(width);
  return Array.from({ length: bins }, (_, index) => {
    const bin = new Map<number, number>();
    const begin = f32(start + f32(index * width));
    for (let sample = 0; sample < samples; sample++) {
      const place = f32(begin + f32(f32((sample + 0.5) * width) / samples));
      // Within one cell of the border a sample has the border's value; further out it counts as 0.
      if (!(place >= -1 && place <= length)) continue;
      for (const { at, weight } of between(Math.min(Math.max(place, 0), length - 1))) {
        bin.set(at, (bin.get(at) ?? 0) + weight / samples);
      }
    }
    return Array.from(bin, ([at, weight]) => ({ at, weight }));
  });
}

/** The two cells around a position, or the one that it lies on. */
function between(place: number): Share[] {
  const low = Math.floor(place);
  const part = place - low;
  return part === 0
    ? [{ at: low, weight: 1 }]
    : [
        { at: low, weight: 1 - part },
        { at: low + 1, weight: part },
      ];
}
