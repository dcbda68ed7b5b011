import type { Rank, Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { denormalise, normalise, type Box } from './anchors.js';
import { applyDeltas, area, best, clip, suppress } from './boxes.js';
import type { StreamedTensor } from './safetensors-stream.js';
import { tf } from './tensorflow.js';
import { parameter, type LayerName, type Weights } from './weights.js';

/** The epsilon of the batch norms: Keras's default when the network was published. */
const EPSILON = 1e-3;
const LEAST_CONFIDENCE = 0.7;
const OVERLAP = 0.3;
const MOST_DETECTIONS = 100;

/** The box head's output for regions. */
export interface HeadOutput {
  readonly classes: number;
  /** `classes` values per region. */
  readonly probabilities: Float32Array;
  /** Four values per class and region. */
  readonly deltas: Float32Array;
}

/** Runs the box head on pooled regions, `[regions, 7, 7, 256]`. */
export async function runHead({ shape, values }: StreamedTensor, weights: Weights): Promise<HeadOutput> {
  const linear = (input: Tensor2D, layer: LayerName): Tensor2D => {
    // A `valid` 7x7 convolution of a 7x7 region, and a 1x1 convolution of the resulting cell, are matrix products.
    const kernel = parameter(weights, layer, 'kernel');
    const matrix = tf.reshape<Rank.R2>(kernel, [-1, kernel.shape.at(-1)!]);
    return tf.add(tf.matMul(input, matrix), parameter(weights, layer, 'bias'));
  };
  const norm = (input: Tensor2D, layer: LayerName): Tensor2D => {
    const [mean, variance, beta, gamma] = ['moving_mean', 'moving_variance', 'beta', 'gamma'].map((name) =>
      parameter(weights, layer, name),
    ) as [Tensor, Tensor, Tensor, Tensor];
    const factor = tf.div(gamma, tf.sqrt(tf.add(variance, EPSILON)));
    return tf.add(tf.mul(tf.sub(input, mean), factor), beta);
  };
  const outputs = tf.tidy(() => {
    const regions = tf.tensor2d(values, [shape[0]!, values.length / shape[0]!]);
    const first = tf.relu(norm(linear(regions, 'mrcnn_class_conv1'), 'mrcnn_class_bn1'));
    const second = tf.relu(norm(linear(first, 'mrcnn_class_conv2'), 'mrcnn_class_bn2'));
    return [tf.softmax(linear(second, 'mrcnn_class_logits')), linear(second, 'mrcnn_bbox_fc')] as const;
  });
  const [probabilities, deltas] = await Promise.all(outputs.map((output) => output.data<'float32'>()));
  const classes = outputs[0].shape[1];
  tf.dispose([...outputs]);
  return { classes, probabilities: probabilities!, deltas: deltas! };
}

export interface Detection {
  readonly box: Box;
  /** 1 and above; 0 is the background. */
  readonly class: number;
  readonly score: number;
}

/** Detections, best first; boxes are normalised on the canvas, and clipped to `window`, the photo on it in pixels. */
export function choose(proposals: readonly Box[], output: HeadOutput, window: Box, size: number): Detection[] {
  const { classes, probabilities, deltas } = output;
  const border = normalise(window, [size, size]);
  const certain = proposals.flatMap((proposal, region): Detection[] => {
    const row = probabilities.subarray(region * classes, (region + 1) * classes);
    const [number] = best(row, 1) as [number];
    const score = row[number]!;
    if (number === 0 || score < LEAST_CONFIDENCE) return [];
    const box = clip(applyDeltas(proposal, deltas, 4 * (region * classes + number)), border);
    return [{ box, class: number, score }];
  });
  const kept = [...new Set(certain.map((detection) => detection.class))].flatMap((number) => {
    const some = certain.filter((detection) => detection.class === number);
    const [boxes, scores] = [some.map(({ box }) => box), some.map(({ score }) => score)];
    return suppress(boxes, scores, OVERLAP, MOST_DETECTIONS).map((index) => some[index]!);
  });
  const order = best(
    kept.map(({ score }) => score),
    MOST_DETECTIONS,
  );
  return order.map((index) => kept[index]!).filter(({ box }) => area(box) > 0);
}

/**
 * A box on the canvas, normalised, as pixels of the photo: Matterport's `unmold_detections`, not rounded. The window is
 * the whole photo, so a box is first taken relative to it, then multiplied by the photo's own sides.
 */
export function toPhoto(box: Box, window: Box, size: number, originalShape: readonly [number, number, number]): Box {
  const [y0, x0, y1, x1] = normalise(window, [size, size]);
  const relative: Box = [
    (box[0] - y0) / (y1 - y0),
    (box[1] - x0) / (x1 - x0),
    (box[2] - y0) / (y1 - y0),
    (box[3] - x0) / (x1 - x0),
  ];
  return denormalise(relative, [originalShape[0], originalShape[1]]);
}
