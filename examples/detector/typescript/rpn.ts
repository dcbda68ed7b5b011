import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { Box } from './anchors.js';
import { applyDeltas, best, clip, suppress } from './boxes.js';
import type { StreamedTensor } from './safetensors-stream.js';
import { tf } from './tensorflow.js';
import { parameter, type LayerName, type Weights } from './weights.js';

const MOST_BEFORE_SUPPRESSION = 6000;
/** `POST_NMS_ROIS_INFERENCE`. */
const MOST_PROPOSALS = 1000;
const OVERLAP = 0.7;

/** The region proposal network's output for anchors, in the order of `levelAnchors`. */
export interface RpnOutput {
  readonly scores: Float32Array;
  /** Four values per anchor. */
  readonly deltas: Float32Array;
}

/** Runs the region proposal network on one level, `[height, width, 256]`. */
export async function runRpn({ shape, values }: StreamedTensor, weights: Weights): Promise<RpnOutput> {
  const convolve = (input: Tensor4D, layer: LayerName) =>
    tf.add<Tensor4D>(
      tf.conv2d(input, parameter(weights, layer, 'kernel') as Tensor4D, 1, 'same'),
      parameter(weights, layer, 'bias'),
    );
  const outputs = tf.tidy(() => {
    const level = tf.tensor4d(values, [1, ...shape] as [number, number, number, number]);
    const shared = tf.relu(convolve(level, 'rpn_conv_shared'));
    const [background, object] = tf.unstack(tf.reshape(convolve(shared, 'rpn_class_raw'), [-1, 2]), 1);
    // The softmax of two logits.
    return [tf.sigmoid(tf.sub(object!, background!)), convolve(shared, 'rpn_bbox_pred')] as const;
  });
  const [scores, deltas] = await Promise.all(outputs.map((output) => output.data<'float32'>()));
  tf.dispose([...outputs]);
  return { scores: scores!, deltas: deltas! };
}

/** Normalised boxes, at most 1000, best first. */
export function propose(anchors: readonly Box[], { scores, deltas }: RpnOutput): Box[] {
  const order = best(scores, MOST_BEFORE_SUPPRESSION);
  const boxes = order.map((index) => clip(applyDeltas(anchors[index]!, deltas, 4 * index), [0, 0, 1, 1]));
  const ordered = order.map((index) => scores[index]!);
  return suppress(boxes, ordered, OVERLAP, MOST_PROPOSALS).map((index) => boxes[index]!);
}
