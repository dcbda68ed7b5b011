/**
 * The input that a family's networks were trained on. Applied inside the compiled graph, to pixels of
 * 0–255, after padding: `(pixel − mean) / std`, channel by channel.
 */
export interface Normalization {
  /** Channel order of the network's input; the canvas is always RGB. */
  readonly channelOrder: 'rgb' | 'bgr';
  /** Subtracted, in the network's channel order, in grey levels of 0–255. */
  readonly mean: readonly [number, number, number];
  /** Divided by afterwards; 1 where the published preprocessing only subtracts. */
  readonly std: readonly [number, number, number];
}

const UNIT = [1, 1, 1] as const;

/** `MEAN_PIXEL` of Matterport's `config.py`. */
export const MATTERPORT: Normalization = { channelOrder: 'rgb', mean: [123.7, 116.8, 103.9], std: UNIT };
/** Mode `caffe` of `keras.applications.imagenet_utils.preprocess_input`. */
export const CAFFE: Normalization = { channelOrder: 'bgr', mean: [103.939, 116.779, 123.68], std: UNIT };
/** `MODEL.PIXEL_MEAN` of Detectron2's defaults, for backbones of the MSRA kind. */
export const MSRA: Normalization = { channelOrder: 'bgr', mean: [103.53, 116.28, 123.675], std: UNIT };
/** Mode `tf` of the same function, and slim's Inception preprocessing: −1 … 1. */
export const SYMMETRIC: Normalization = {
  channelOrder: 'rgb',
  mean: [127.5, 127.5, 127.5],
  std: [127.5, 127.5, 127.5],
};
/** torchvision's ImageNet presets: RGB/255 minus (.485, .456, .406) over (.229, .224, .225). */
export const IMAGENET: Normalization = {
  channelOrder: 'rgb',
  mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
  std: [0.229 * 255, 0.224 * 255, 0.225 * 255],
};
/** 0 … 1, nothing subtracted. */
export const UNIT_RANGE: Normalization = { channelOrder: 'rgb', mean: [0, 0, 0], std: [255, 255, 255] };
