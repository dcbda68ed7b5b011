/** Element types a feature level can be stored in. */
export const DTYPES = ['float32', 'float16'] as const;
export type Dtype = (typeof DTYPES)[number];

export const BYTES_PER_ELEMENT: Record<Dtype, number> = { float32: 4, float16: 2 };

/** What a network computes in, whatever type its levels are kept in; float16 is for GPUs. */
export const PRECISIONS = ['float32', 'float16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** A dense tensor: C order, little endian, `data.byteLength` = product of `shape` × element size. */
export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
}

/** One level of a feature pyramid: `tensor` is `[height, width, channels]` of one image. */
export interface Level {
  readonly name: string;
  /** Pixels of the canvas per step of the level. */
  readonly stride: number;
  readonly tensor: Tensor;
  /** True when a value lay outside the range of float16 and was clipped to ±65504. */
  readonly clipped: boolean;
}
