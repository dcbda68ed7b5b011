import type * as Tfjs from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { LARGEST_UINT8, quantizationFor, type QuantizationParameters } from '../../quantization.js';

/** A batch of levels as integers, one image after the other, with the parameters of each. */
export interface QuantizedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
}

/** Quantises each image of a batch by its own range. */
export function quantizeBatch(tf: typeof Tfjs, levels: Tensor4D): QuantizedBatch {
  const axes = [1, 2, 3];
  const extremes = (which: 'min' | 'max') => tf.tidy(() => tf[which](levels, axes).dataSync<'float32'>());
  const [least, most] = [extremes('min'), extremes('max')];
  const parameters = Array.from({ length: levels.shape[0] }, (_, image): QuantizationParameters => {
    return quantizationFor([least[image]!, most[image]!]);
  });
  const scales = parameters.map(({ scale }) => scale);
  const zeroPoints = parameters.map(({ zeroPoint }) => zeroPoint);
  const integers = tf.tidy(() => {
    const perImage = (values: number[]) => tf.tensor4d(values, [values.length, 1, 1, 1]);
    const steps = tf.round(tf.div(levels, perImage(scales)));
    return tf.clipByValue(tf.add(steps, perImage(zeroPoints)), 0, LARGEST_UINT8).dataSync<'float32'>();
  });
  return { bytes: Uint8Array.from(integers), scales, zeroPoints };
}
