import type * as TensorFlow from '@tensorflow/tfjs-core';

/** Groups of channels of a map (NHWC), each with mean 0 and variance 1 over the group and the map. */
export function groupNorm(
  tf: Pick<typeof TensorFlow, 'add' | 'moments' | 'mul' | 'reshape' | 'rsqrt' | 'sub'>,
  x: TensorFlow.Tensor4D,
  groups: number,
  epsilon: number,
): TensorFlow.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const grouped = tf.reshape(x, [batch, height * width, groups, channels / groups]);
  const { mean, variance } = tf.moments(grouped, [1, 3], true);
  const normed = tf.mul(tf.sub(grouped, mean), tf.rsqrt(tf.add(variance, epsilon)));
  return tf.reshape(normed, x.shape);
}
