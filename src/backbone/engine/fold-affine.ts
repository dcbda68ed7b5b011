import type { BatchNormNode, Conv2dNode, ScaleNode } from '../graph/graph.js';
import type { Weights } from '../weights/weights.js';

/** Nodes that compute `x · factor + offset` per channel. */
export type AffineNode = BatchNormNode | ScaleNode;

/** In double precision, so that folding several costs one rounding. */
export interface Affine {
  readonly factor: Float64Array;
  readonly offset: Float64Array;
}

export interface FoldedConv {
  /** HWIO, as the graph declares it. */
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/**
 * Consecutive batch norms and scales as one affine step: a batch norm is `γ·(x − μ)/√(σ² + ε) + β`, a
 * scale `γ·x + β`.
 */
export function foldAffine(nodes: readonly AffineNode[], channels: number, weights: Weights): Affine {
  const factor = new Float64Array(channels).fill(1);
  const offset = new Float64Array(channels);
  for (const node of nodes) {
    const [gamma, beta] = [weights.get(node.name, 'gamma'), weights.get(node.name, 'beta')];
    const norm = node.op === 'batchNorm' && {
      mean: weights.get(node.name, 'moving_mean'),
      variance: weights.get(node.name, 'moving_variance'),
      epsilon: node.epsilon,
    };
    for (let c = 0; c < channels; c++) {
      const s = norm ? gamma[c]! / Math.sqrt(norm.variance[c]! + norm.epsilon) : gamma[c]!;
      factor[c] = factor[c]! * s;
      offset[c] = (offset[c]! - (norm ? norm.mean[c]! : 0)) * s + beta[c]!;
    }
  }
  return { factor, offset };
}

/** A convolution with the affine nodes after it folded in. */
export function foldConv(conv: Conv2dNode, after: readonly AffineNode[], weights: Weights): FoldedConv {
  const filters = conv.channels;
  const kernel = weights.get(conv.name, 'kernel');
  const bias = conv.parameters.bias ? weights.get(conv.name, 'bias') : new Float32Array(filters);
  if (after.length === 0) return { kernel, bias };
  const { factor, offset } = foldAffine(after, filters, weights);
  return {
    kernel: kernel.map((value, index) => value * factor[index % filters]!),
    bias: bias.map((value, filter) => value * factor[filter]! + offset[filter]!),
  };
}
