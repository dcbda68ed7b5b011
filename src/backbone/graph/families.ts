import type { ArchitectureName } from './architectures.js';
import {
  caffeNames,
  DETECTRON2_FPN,
  kerasNames,
  letterAndNumber,
  MATTERPORT_FPN,
  plainNames,
  slimNames,
  TORCHVISION_FPN,
  torchNames,
  type Branch,
  type FpnNames,
  type Names,
} from './names.js';
import type { Padding } from './graph.js';
import { CAFFE, IMAGENET, MATTERPORT, MSRA, SYMMETRIC, UNIT_RANGE, type Normalization } from './normalization.js';

/** How a map is padded with zeros: by a layer of its own, or inside the operation that needs it. */
export type PaddedBy = { readonly layer: number } | { readonly inside: Padding };

/** Batch norms have their statistics from training, frozen or not; group norms those of each map. */
export type NormKind = 'batch' | 'group';

/** Groups of every group norm: 32, as Wu and He recommend and Detectron2 has them. */
export const NORM_GROUPS = 32;

/**
 * A published convention for one architecture. Two networks of the same architecture but of
 * different families do not accept each other's weights.
 */
export interface Family {
  readonly architectures: readonly ArchitectureName[];
  readonly normalization: Normalization;
  /** Added to the variance by every batch norm. */
  readonly epsilon: number;
  readonly norm: NormKind;
  /** Whether convolutions before a norm have a bias. Those without a norm always do. */
  readonly convBias: boolean;
  /** A `Scale` layer (gamma, beta) after every norm, as in models converted from Caffe. */
  readonly scaled: boolean;
  /** Whether a norm follows the shortcut's convolution. */
  readonly shortcutNorm: boolean;
  /** Which convolution of a bottleneck has stride 2: the first 1×1 (Caffe, MSRA) or the 3×3 (torchvision). */
  readonly strideOn: 'first' | 'middle';
  /** Which block of a stage has stride 2. */
  readonly stridedBlock: 'first' | 'last';
  /** Around the 3×3 convolutions of the blocks; it may depend on the stride. */
  readonly padding: { readonly strided: PaddedBy; readonly unstrided: PaddedBy };
  readonly stem: {
    readonly kernel: number;
    readonly stride: number;
    readonly padding: PaddedBy;
    readonly norm: boolean;
    readonly pool: { readonly size: number; readonly stride: number; readonly padding: PaddedBy };
  };
  /** Declared strides of C1 … C5; construction fails on any others. */
  readonly strides: readonly [number, number, number, number, number];
  readonly top: {
    /** Side of the average pool before the classifier; `global` takes the whole map. */
    readonly pool: 'global' | number;
    /** A dense layer, or a 1×1 convolution. */
    readonly classifier: 'dense' | 'conv2d';
  };
  /** Names of the pyramid on top. */
  readonly fpn: FpnNames;
  /** The norm after each convolution of the pyramid; those without have a bias. */
  readonly fpnNorm: NormKind | 'none';
  names(architecture: string): Names;
}

const POST_ACTIVATION_STRIDES = [4, 4, 8, 16, 32] as const;
const SAME = { strided: { inside: 'same' }, unstrided: { inside: 'same' } } as const;
const SYMMETRIC_PADDING = { strided: { inside: 1 }, unstrided: { inside: 1 } } as const;

/** He et al. 2015 as Caffe models have it: post-activation, stride on the first 1×1 of a stage's first block. */
const CAFFE_LIKE = {
  norm: 'batch',
  convBias: true,
  scaled: false,
  shortcutNorm: true,
  strideOn: 'first',
  stridedBlock: 'first',
  padding: SAME,
  strides: POST_ACTIVATION_STRIDES,
  top: { pool: 'global', classifier: 'dense' },
  fpn: MATTERPORT_FPN,
  fpnNorm: 'none',
} as const;

/** 7×7/2 and a max-pool 3×3/2. */
function stem(padding: PaddedBy, poolPadding: PaddedBy, norm = true): Family['stem'] {
  return { kernel: 7, stride: 2, padding, norm, pool: { size: 3, stride: 2, padding: poolPadding } };
}

/** He et al. 2016: pre-activation, stride on the 3×3 of a stage's last block. */
const PREACTIVATION = {
  norm: 'batch',
  convBias: false,
  scaled: false,
  shortcutNorm: false,
  strideOn: 'middle',
  stridedBlock: 'last',
  strides: [4, 8, 16, 32, 32],
  fpn: MATTERPORT_FPN,
  fpnNorm: 'none',
} as const;

const TORCHVISION: Family = {
  ...CAFFE_LIKE,
  architectures: ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'],
  normalization: IMAGENET,
  epsilon: 1e-5,
  convBias: false,
  strideOn: 'middle',
  padding: SYMMETRIC_PADDING,
  stem: stem({ inside: 3 }, { inside: 1 }),
  fpn: TORCHVISION_FPN,
  names: () =>
    torchNames({
      stem: { conv: 'conv1', norm: 'bn1' },
      stage: (stage) => `layer${stage - 1}`,
      conv: (branch: Branch) => (branch === 0 ? 'downsample.0' : `conv${branch}`),
      norm: (branch: Branch) => (branch === 0 ? 'downsample.1' : `bn${branch}`),
      classifier: 'fc',
    }),
};

const DETECTRON2: Family = {
  ...CAFFE_LIKE,
  architectures: ['resnet50', 'resnet101'],
  normalization: MSRA,
  epsilon: 1e-5,
  convBias: false,
  padding: SYMMETRIC_PADDING,
  stem: stem({ inside: 3 }, { inside: 1 }),
  fpn: DETECTRON2_FPN,
  names: () =>
    torchNames({
      stem: { conv: 'stem.conv1', norm: 'stem.conv1.norm' },
      stage: (stage) => `res${stage}`,
      conv: (branch: Branch) => (branch === 0 ? 'shortcut' : `conv${branch}`),
      norm: (branch: Branch) => (branch === 0 ? 'shortcut.norm' : `conv${branch}.norm`),
      classifier: 'linear',
    }),
};

const TABLE = {
  /** Matterport Mask R-CNN, `mrcnn/model.py`, `resnet_graph`; 18 and 34 are its rules with the basic block. */
  'mask-rcnn': {
    ...CAFFE_LIKE,
    architectures: ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'],
    normalization: MATTERPORT,
    epsilon: 1e-3,
    stem: stem({ layer: 3 }, { inside: 'same' }),
    names: () => caffeNames('input_image'),
  },
  /** `keras.applications.resnet`; 18 and 34 are its rules with the basic block. */
  keras: {
    ...CAFFE_LIKE,
    architectures: ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'],
    normalization: CAFFE,
    epsilon: 1.001e-5,
    stem: stem({ layer: 3 }, { layer: 1 }),
    names: kerasNames,
  },
  /** `keras_applications.resnet50`, 1.0.6 and later. */
  'keras-legacy': {
    ...CAFFE_LIKE,
    architectures: ['resnet50'],
    normalization: CAFFE,
    epsilon: 1e-3,
    stem: stem({ layer: 3 }, { layer: 1 }),
    names: () => caffeNames('input_1'),
  },
  /** `keras.applications.resnet_v2`. */
  'keras-v2': {
    ...PREACTIVATION,
    architectures: ['resnet50v2', 'resnet101v2', 'resnet152v2'],
    normalization: SYMMETRIC,
    epsilon: 1.001e-5,
    padding: { strided: { layer: 1 }, unstrided: { layer: 1 } },
    stem: stem({ layer: 3 }, { layer: 1 }, false),
    top: { pool: 'global', classifier: 'dense' },
    names: kerasNames,
  },
  /** The Caffe models as converted to Keras, with a `Scale` layer after every norm. */
  scale: {
    ...CAFFE_LIKE,
    architectures: ['resnet101', 'resnet152'],
    normalization: CAFFE,
    epsilon: 1.1e-5,
    convBias: false,
    scaled: true,
    padding: { strided: { layer: 1 }, unstrided: { layer: 1 } },
    stem: stem({ layer: 3 }, { inside: 'valid' }),
    top: { pool: 7, classifier: 'dense' },
    names: () => caffeNames('data', letterAndNumber),
  },
  /** TensorFlow-Slim, `nets/resnet_v2.py`; `conv2d_same` pads explicitly where the stride is 2. */
  'slim-v2': {
    ...PREACTIVATION,
    architectures: ['resnet50v2', 'resnet101v2', 'resnet152v2', 'resnet200v2'],
    normalization: SYMMETRIC,
    epsilon: 1e-5,
    padding: { strided: { inside: 1 }, unstrided: { inside: 'same' } },
    stem: stem({ inside: 3 }, { inside: 'same' }, false),
    top: { pool: 'global', classifier: 'conv2d' },
    names: (architecture) => slimNames(/\d+/.exec(architecture)![0]),
  },
  /** `torchvision.models.resnet`. */
  torchvision: TORCHVISION,
  /**
   * The backbone of torchvision's first detection weights (`…_FPN_Weights.COCO_V1`): they were
   * trained when its frozen norm had no epsilon, and torchvision sets it to 0 when it loads them.
   */
  'torchvision-detection': { ...TORCHVISION, architectures: ['resnet50'], epsilon: 0 },
  /** The backbone of torchvision's `…_fpn_v2` detectors, whose pyramid has batch norms. */
  'torchvision-detection-v2': { ...TORCHVISION, architectures: ['resnet50'], fpnNorm: 'batch' },
  /** Detectron2's `build_resnet_backbone` with the MSRA weights (`STRIDE_IN_1X1`). */
  detectron2: DETECTRON2,
  /** Detectron2 with `BN` or `SyncBN` in backbone and pyramid, as its model zoo has it: stride on the 3×3. */
  'detectron2-bn': { ...DETECTRON2, strideOn: 'middle', fpnNorm: 'batch' },
  /** Detectron2 with `GN` in both; its ImageNet weights have stride on the 3×3 too. */
  'detectron2-gn': { ...DETECTRON2, strideOn: 'middle', norm: 'group', fpnNorm: 'group' },
  /** The ResNet-18 of many TensorFlow 2 courses: made for small images, with few strides. */
  'basic-small-stem': {
    ...CAFFE_LIKE,
    architectures: ['resnet18'],
    normalization: UNIT_RANGE,
    epsilon: 1e-3,
    shortcutNorm: false,
    stem: {
      kernel: 3,
      stride: 1,
      padding: { inside: 'valid' },
      norm: true,
      pool: { size: 2, stride: 1, padding: { inside: 'same' } },
    },
    strides: [1, 1, 2, 4, 8],
    names: plainNames,
  },
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof TABLE;
export const FAMILIES: Readonly<Record<FamilyName, Family>> = TABLE;
