/**
 * The layer names of each family, by which weights are assigned to layers. A family states the names that its
 * publisher uses; other layers are named after the layer that they follow or precede.
 */

/** The convolutions of one block: 0 is that of the shortcut, the others are numbered along the branch. */
export type Branch = 0 | 1 | 2 | 3;

/** The position of a block: stages are counted from 2, as published, blocks from 0. */
export interface Place {
  readonly stage: number;
  readonly block: number;
}

interface Published {
  readonly input: string;
  readonly stem: { readonly conv: string; readonly norm: string };
  readonly pool: string;
  readonly conv: (place: Place, branch: Branch) => string;
  readonly norm: (place: Place, branch: Branch) => string;
  /** The last layer of a block; in the last block of a stage it is the layer of the level. */
  readonly out: (place: Place) => string;
  readonly top: { readonly pool: string; readonly classifier: string };
}

interface Derived {
  readonly stemRelu: string;
  /** Zero-padding layers before the first convolution and the first pooling. */
  readonly pad: { readonly conv: string; readonly pool: string };
  readonly relu: (place: Place, branch: Branch) => string;
  /** `Scale` layer after a norm; `stemScale` is that of the stem. */
  readonly scale: (place: Place, branch: Branch) => string;
  readonly stemScale: string;
  /** Zero-padding layer before a 3×3 convolution. */
  readonly padding: (place: Place, branch: Branch) => string;
  readonly add: (place: Place) => string;
  /** Norm and activation before the branch, in pre-activation blocks. */
  readonly preact: (place: Place) => { readonly norm: string; readonly relu: string };
  /** Subsampling of an identity shortcut, in pre-activation blocks. */
  readonly subsample: (place: Place) => string;
  /** Norm and activation after the last block of a pre-activation network. */
  readonly post: { readonly norm: string; readonly relu: string };
}

export type Names = Published & Derived;

function complete(given: Published & Partial<Derived>): Names {
  const { stem, pool, conv, out } = given;
  return {
    stemRelu: `${stem.conv}_relu`,
    stemScale: `${stem.conv}_scale`,
    pad: { conv: `${stem.conv}_pad`, pool: `${pool}_pad` },
    relu: (place, branch) => `${conv(place, branch)}_relu`,
    scale: (place, branch) => `${conv(place, branch)}_scale`,
    padding: (place, branch) => `${conv(place, branch)}_pad`,
    add: (place) => `${out(place)}_add`,
    preact: (place) => ({ norm: `${out(place)}_preact`, relu: `${out(place)}_preact_relu` }),
    subsample: (place) => `${out(place)}_subsample`,
    post: { norm: 'post_norm', relu: 'post_relu' },
    ...given,
  };
}

/** The layer names of a feature pyramid; `level` is 2 to 5. */
export interface FpnNames {
  lateral(level: number): string;
  /** The upsampling of a level, towards the next finer one. */
  upsampled(level: number): string;
  sum(level: number): string;
  output(level: number): string;
  /** The norm after a convolution, in the pyramids that have them. */
  norm(convolution: string): string;
  readonly coarsest: string;
}

/** Matterport's names; the other Keras networks use them too. */
export const MATTERPORT_FPN: FpnNames = {
  lateral: (level) => `fpn_c${level}p${level}`,
  upsampled: (level) => `fpn_p${level}upsampled`,
  sum: (level) => `fpn_p${level}add`,
  output: (level) => `fpn_p${level}`,
  norm: (convolution) => `${convolution}_bn`,
  coarsest: 'fpn_p6',
};

/** Detectron2's `FPN`. */
export const DETECTRON2_FPN: FpnNames = {
  lateral: (level) => `fpn_lateral${level}`,
  upsampled: (level) => `fpn_upsampled${level}`,
  sum: (level) => `fpn_sum${level}`,
  output: (level) => `fpn_output${level}`,
  norm: (convolution) => `${convolution}.norm`,
  coarsest: 'top_block',
};

/** torchvision's `FeaturePyramidNetwork`, which counts its levels from 0. */
export const TORCHVISION_FPN: FpnNames = {
  lateral: (level) => `fpn.inner_blocks.${level - 2}`,
  upsampled: (level) => `fpn.upsampled.${level - 2}`,
  sum: (level) => `fpn.sum.${level - 2}`,
  output: (level) => `fpn.layer_blocks.${level - 2}`,
  // A block is a sequence of both: the convolution is its `.0`.
  norm: (convolution) => `${convolution}.1`,
  coarsest: 'fpn.extra_blocks',
};

/** Caffe's scheme: `res4b_branch2a`. `letters` gives the letters of a block. */
export function caffeNames(input: string, letters: (place: Place) => string = letter): Names {
  const part = (kind: string, place: Place, branch: Branch) =>
    `${kind}${place.stage}${letters(place)}_branch${branch === 0 ? '1' : `2${'abc'[branch - 1]}`}`;
  return complete({
    input,
    stem: { conv: 'conv1', norm: 'bn_conv1' },
    stemScale: 'scale_conv1',
    pool: 'pool1',
    conv: (place, branch) => part('res', place, branch),
    norm: (place, branch) => part('bn', place, branch),
    scale: (place, branch) => part('scale', place, branch),
    out: (place) => `res${place.stage}${letters(place)}_out`,
    top: { pool: 'avg_pool', classifier: 'fc1000' },
  });
}

/** Matterport and the first Keras models number blocks with `chr(97 + i)`: `a` … `w` in stage 4 of ResNet-101. */
function letter({ block }: Place): string {
  return String.fromCharCode(97 + block);
}

/** Caffe's own numbering of long stages: `a`, `b1`, `b2`, … in stages 3 and 4, `a`, `b`, `c` in 2 and 5. */
export function letterAndNumber(place: Place): string {
  const long = place.stage === 3 || place.stage === 4;
  return long && place.block > 0 ? `b${place.block}` : letter(place);
}

/** `keras.applications`: `conv4_block2_1_conv`, blocks counted from 1. */
export function kerasNames(): Names {
  const block = ({ stage, block }: Place) => `conv${stage}_block${block + 1}`;
  const part = (place: Place, branch: Branch, kind: string) => `${block(place)}_${branch}_${kind}`;
  return complete({
    input: 'input_1',
    stem: { conv: 'conv1_conv', norm: 'conv1_bn' },
    stemRelu: 'conv1_relu',
    pad: { conv: 'conv1_pad', pool: 'pool1_pad' },
    pool: 'pool1_pool',
    conv: (place, branch) => part(place, branch, 'conv'),
    norm: (place, branch) => part(place, branch, 'bn'),
    relu: (place, branch) => part(place, branch, 'relu'),
    padding: (place, branch) => part(place, branch, 'pad'),
    preact: (place) => ({ norm: `${block(place)}_preact_bn`, relu: `${block(place)}_preact_relu` }),
    subsample: (place) => part(place, 0, 'pool'),
    add: (place) => `${block(place)}_add`,
    out: (place) => `${block(place)}_out`,
    post: { norm: 'post_bn', relu: 'post_relu' },
    top: { pool: 'avg_pool', classifier: 'predictions' },
  });
}

/** TensorFlow-Slim's variable scopes: `resnet_v2_50/block1/unit_1/bottleneck_v2/conv1`. */
export function slimNames(depth: string): Names {
  const scope = `resnet_v2_${depth}`;
  const unit = ({ stage, block }: Place) => `${scope}/block${stage - 1}/unit_${block + 1}/bottleneck_v2`;
  const conv = (place: Place, branch: Branch) => `${unit(place)}/${branch === 0 ? 'shortcut' : `conv${branch}`}`;
  return complete({
    input: 'images',
    stem: { conv: `${scope}/conv1`, norm: `${scope}/conv1/BatchNorm` },
    pool: `${scope}/pool1`,
    conv,
    norm: (place, branch) => `${conv(place, branch)}/BatchNorm`,
    preact: (place) => ({ norm: `${unit(place)}/preact`, relu: `${unit(place)}/preact/Relu` }),
    subsample: (place) => `${unit(place)}/shortcut`,
    out: unit,
    post: { norm: `${scope}/postnorm`, relu: `${scope}/postnorm/Relu` },
    top: { pool: `${scope}/pool5`, classifier: `${scope}/logits` },
  });
}

/** PyTorch modules. A family states the names of its stem, its stages, and the parts of a block. */
export function torchNames(modules: {
  readonly stem: { readonly conv: string; readonly norm: string };
  stage(stage: number): string;
  conv(branch: Branch): string;
  norm(branch: Branch): string;
  readonly classifier: string;
}): Names {
  const block = ({ stage, block }: Place) => `${modules.stage(stage)}.${block}`;
  return complete({
    input: 'input',
    stem: modules.stem,
    pool: 'maxpool',
    conv: (place, branch) => `${block(place)}.${modules.conv(branch)}`,
    norm: (place, branch) => `${block(place)}.${modules.norm(branch)}`,
    out: block,
    top: { pool: 'avgpool', classifier: modules.classifier },
  });
}

/** Descriptive names, for a network that is published without names of its own (Keras numbers its layers). */
export function plainNames(): Names {
  const block = ({ stage, block }: Place) => `stage${stage}_block${block + 1}`;
  return complete({
    input: 'input',
    stem: { conv: 'stem_conv', norm: 'stem_bn' },
    pool: 'stem_pool',
    conv: (place, branch) => `${block(place)}_${branch === 0 ? 'downsample' : `conv${branch}`}`,
    norm: (place, branch) => `${block(place)}_bn${branch}`,
    out: (place) => `${block(place)}_out`,
    top: { pool: 'avgpool', classifier: 'fc' },
  });
}
