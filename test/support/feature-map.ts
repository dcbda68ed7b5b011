import type { Margins, Padding } from '../../src/backbone/graph/graph.js';

/** A map in double precision: `[height, width, channels]`, C order. */
export interface FeatureMap {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly values: Float64Array;
}

/** What slides over a map, as nodes of a graph declare it. */
export interface Window {
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}

/** The elements under a window that lie inside the map: offsets within the window, and where the first channel is. */
type Tap = readonly [dy: number, dx: number, index: number];

/** A map of `channels` channels, each element made from what one position of the window covers. */
export function slide(
  x: FeatureMap,
  { size, strides, padding }: Window,
  channels: number,
  compute: (taps: readonly Tap[], channel: number) => number,
): FeatureMap {
  const [height, width] = [lengthAfter(x.height, 0), lengthAfter(x.width, 1)];
  const [top, left] = [marginBefore(x.height, 0), marginBefore(x.width, 1)];
  const values = new Float64Array(height * width * channels);
  for (let position = 0; position < height * width; position++) {
    const row = Math.floor(position / width) * strides[0] - top;
    const column = (position % width) * strides[1] - left;
    const taps: Tap[] = [];
    for (let dy = Math.max(0, -row); dy < size[0] && row + dy < x.height; dy++) {
      for (let dx = Math.max(0, -column); dx < size[1] && column + dx < x.width; dx++) {
        taps.push([dy, dx, ((row + dy) * x.width + column + dx) * x.channels]);
      }
    }
    for (let channel = 0; channel < channels; channel++) values[position * channels + channel] = compute(taps, channel);
  }
  return { height, width, channels, values };

  function lengthAfter(length: number, axis: 0 | 1): number {
    if (padding === 'same') return Math.ceil(length / strides[axis]);
    return Math.floor((length + 2 * (padding === 'valid' ? 0 : padding) - size[axis]) / strides[axis]) + 1;
  }

  /** TensorFlow's SAME puts the smaller half of what is missing first. */
  function marginBefore(length: number, axis: 0 | 1): number {
    if (padding !== 'same') return padding === 'valid' ? 0 : padding;
    const missing = (lengthAfter(length, axis) - 1) * strides[axis] + size[axis] - length;
    return Math.floor(Math.max(0, missing) / 2);
  }
}

export function withZerosAround(x: FeatureMap, { top, bottom, left, right }: Margins): FeatureMap {
  const [height, width] = [x.height + top + bottom, x.width + left + right];
  const values = new Float64Array(height * width * x.channels);
  for (let row = 0; row < x.height; row++) {
    const from = row * x.width * x.channels;
    values.set(x.values.subarray(from, from + x.width * x.channels), ((row + top) * width + left) * x.channels);
  }
  return { ...x, height, width, values };
}
