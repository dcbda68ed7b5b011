import type { Padding } from './graph.js';

/** The parts of one block, in the words of the Caffe model that the names descend from. */
export type Branch = '1' | '2a' | '2b' | '2c';

/**
 * A published convention for one architecture. Two networks of the same architecture but of
 * different families do not accept each other's weights.
 */
export interface Family {
  /** Do the convolutions carry a bias of their own beside the batch norm's? */
  readonly convBias: boolean;
  readonly epsilon: number;
  /** Which convolution of a bottleneck steps: the first 1×1 (Caffe, MSRA) or the 3×3 (torchvision). */
  readonly strideOn: 'first' | 'middle';
  readonly stem: { readonly pad: number; readonly poolPadding: Padding };
  readonly names: {
    readonly input: string;
    readonly stemConv: string;
    readonly stemNorm: string;
    conv(stage: number, block: number, branch: Branch): string;
    norm(stage: number, block: number, branch: Branch): string;
    /** The activation that ends block `block` (counted from 0) of `stage`. */
    out(stage: number, block: number): string;
  };
}

/** Matterport numbers blocks with `chr(97 + i)`: `a` … `w` in stage 4 of ResNet-101. */
function letter(block: number): string {
  return String.fromCharCode(97 + block);
}

export const FAMILIES = {
  /** Matterport Mask R-CNN, `mrcnn/model.py`, `resnet_graph`. */
  'mask-rcnn': {
    convBias: true,
    epsilon: 1e-3,
    strideOn: 'first',
    stem: { pad: 3, poolPadding: 'same' },
    names: {
      input: 'input_image',
      stemConv: 'conv1',
      stemNorm: 'bn_conv1',
      conv: (stage, block, branch) => `res${stage}${letter(block)}_branch${branch}`,
      norm: (stage, block, branch) => `bn${stage}${letter(block)}_branch${branch}`,
      out: (stage, block) => `res${stage}${letter(block)}_out`,
    },
  },
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof FAMILIES;
