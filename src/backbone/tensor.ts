import type { QuantizationParameters } from './quantization.js';

/** Element types a feature level can be stored in; integers of `uint8` stand for `scale · (q − zeroPoint)`. */
export const DTYPES = ['float32', 'float16', 'uint8'] as const;
export type Dtype = (typeof DTYPES)[number];

export const BYTES_PER_ELEMENT: Record<Dtype, number> = { float32: 4, float16: 2, uint8: 1 };

/** What a network computes in, whatever type its levels are kept in: float16 is for GPUs, int8 needs a calibration. */
export const PRECISIONS = ['float32', 'float16', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Orders of the axes of a level: channels last, as TensorFlow has them, or channels first, as PyTorch does. */
export const LAYOUTS = ['nhwc', 'nchw'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** How the elements of a level lie in memory. */
export interface TensorFormat {
  readonly dtype: Dtype;
  /** `nhwc` where it is left out. */
  readonly layout?: Layout | undefined;
}

/** How the chunks of a level are compressed in an archive: without loss, or as JPEG images, for `uint8` alone. */
export const CODECS = ['zstd', 'jpeg'] as const;
export type Codec = (typeof CODECS)[number];

/** The axes of one image's level. */
export type Axis = 'y' | 'x' | 'channel';
export type Axes = readonly [Axis, Axis, Axis];

export const NHWC = ['y', 'x', 'channel'] as const satisfies Axes;
export const NCHW = ['channel', 'y', 'x'] as const satisfies Axes;

/** The order of the axes in a format, slowest first: the one place that decides it. */
export function axesOf({ layout }: TensorFormat): Axes {
  return layout === 'nchw' ? NCHW : NHWC;
}

/** The permutation from `[batch, …from]` to the axis order of a format. */
export function permutationFrom(from: Axes, format: TensorFormat): number[] {
  return [0, ...axesOf(format).map((axis) => 1 + from.indexOf(axis))];
}

/** A shape `[height, width, channels]` in the order of a format. */
export function shapeIn(format: TensorFormat, shape: readonly [number, number, number]): [number, number, number] {
  const [first, second, third] = axesOf(format).map((axis) => shape[NHWC.indexOf(axis)]!);
  return [first!, second!, third!];
}

/** Picks the format out of a value with other properties, and completes it. */
export function formatOf({ dtype, layout = 'nhwc' }: TensorFormat): { dtype: Dtype; layout: Layout } {
  return { dtype, layout };
}

/** A dense tensor: C order, little endian, `data.byteLength` = product of `shape` × element size. */
export interface Tensor extends TensorFormat {
  readonly shape: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
  /** What integers stand for; present where `dtype` is `uint8`. */
  readonly quantization?: QuantizationParameters;
}

/** One level of the feature pyramid of one image; the axes of `tensor` have the order of its format. */
export interface Level {
  readonly name: string;
  /** Pixels of the canvas per step of the level. */
  readonly stride: number;
  readonly tensor: Tensor;
  /** True when a value lay outside the range of float16 and was clipped to ±65504. */
  readonly clipped: boolean;
}
