import type { BatchNormNode, Conv2dNode } from '../graph/graph.js';
import type { Weights } from '../weights/weights.js';

export interface FoldedConv {
  /** HWIO, as the graph declares it. */
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/**
 * A convolution with the batch norm after it folded in: `γ·(conv(x) + b − μ)/√(σ² + ε) + β` is
 * itself a convolution, with kernel `k·s` and bias `(b − μ)·s + β`, where `s = γ/√(σ² + ε)`.
 * Computed in double precision, so that folding costs one rounding.
 */
export function foldBatchNorm(conv: Conv2dNode, norm: BatchNormNode | undefined, weights: Weights): FoldedConv {
  const filters = conv.channels;
  const kernel = weights.get(conv.name, 'kernel');
  const bias = conv.parameters.bias ? weights.get(conv.name, 'bias') : new Float32Array(filters);
  if (!norm) return { kernel, bias };

  const gamma = weights.get(norm.name, 'gamma');
  const beta = weights.get(norm.name, 'beta');
  const mean = weights.get(norm.name, 'moving_mean');
  const variance = weights.get(norm.name, 'moving_variance');
  const scale = Float64Array.from(gamma, (value, filter) => value / Math.sqrt(variance[filter]! + norm.epsilon));
  return {
    kernel: kernel.map((value, index) => value * scale[index % filters]!),
    bias: bias.map((value, filter) => (value - mean[filter]!) * scale[filter]! + beta[filter]!),
  };
}
