import { roundHalfToEven } from '../formats/round-half-to-even.js';

/** Affine quantisation to uint8, as ONNX and TensorFlow Lite define it: `value ≈ scale · (q − zeroPoint)`. */
export interface QuantizationParameters {
  /** A float32. */
  readonly scale: number;
  /** 0 … 255; the integer that stands for 0 exactly. */
  readonly zeroPoint: number;
}

/** Smallest and largest value that quantisation must represent; what lies outside saturates. */
export type Range = readonly [min: number, max: number];

export const LARGEST_UINT8 = 255;

/**
 * The parameters that spread a range over all integers, moved so that 0 is one of them: padding and ReLU need it. Rounds as
 * `compute_scale_zp` of ONNX Runtime's quantiser does, to the last bit.
 */
export function quantizationFor([min, max]: Range): QuantizationParameters {
  const low = Math.fround(Math.min(min, 0));
  const high = Math.fround(Math.max(max, 0));
  const scale = Math.fround(high - low) / LARGEST_UINT8;
  // A map of zeros has no range; any scale represents it.
  if (Math.fround(scale) === 0) return { scale: 1, zeroPoint: 0 };
  return { scale: Math.fround(scale), zeroPoint: roundHalfToEven((0 - low) / scale) };
}
