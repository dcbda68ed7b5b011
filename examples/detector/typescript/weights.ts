import { resolve } from 'node:path';
import * as h5 from 'h5wasm/node';
import type { Tensor } from '@tensorflow/tfjs-core';
import { tf } from './tensorflow.js';

const LAYERS = [
  'rpn_conv_shared',
  'rpn_class_raw',
  'rpn_bbox_pred',
  'mrcnn_class_conv1',
  'mrcnn_class_bn1',
  'mrcnn_class_conv2',
  'mrcnn_class_bn2',
  'mrcnn_class_logits',
  'mrcnn_bbox_fc',
] as const;
export type LayerName = (typeof LAYERS)[number];

/** The parameters of the detector's layers; kernels are HWIO, or `[in, out]` of dense layers. */
export type Weights = ReadonlyMap<LayerName, Readonly<Record<string, Tensor>>>;

/**
 * Reads the detector's layers from the Mask R-CNN HDF5 file whose backbone and pyramid run in Cairn. Datasets are
 * at `<layer>/<layer>/kernel:0`, those of the RPN at `rpn_model/<layer>/kernel:0`; Keras 3 leaves out the `:0`.
 */
export async function readWeights(path: string): Promise<Weights> {
  await h5.ready;
  const file = new h5.File(resolve(path), 'r');
  if (file.file_id < 0n) throw new Error(`${path} cannot be opened as HDF5`);
  const found = new Map<LayerName, Record<string, Tensor>>();
  const visit = (group: h5.Group, layer: string | undefined) => {
    for (const key of group.keys()) {
      const item = group.get(key);
      if (item instanceof h5.Group) visit(item, key);
      else if (item instanceof h5.Dataset && isLayer(layer)) {
        const parameters = found.get(layer) ?? {};
        parameters[key.replace(/:0$/, '')] = tf.tensor(item.value as Float32Array, item.shape!, 'float32');
        found.set(layer, parameters);
      }
    }
  };
  try {
    visit(file, undefined);
  } finally {
    file.close();
  }
  const missing = LAYERS.filter((layer) => !found.has(layer));
  if (missing.length === 0) return found;
  throw new Error(`${path} is not the file of a whole Mask R-CNN: it lacks ${missing.join(', ')}`);
}

function isLayer(name: string | undefined): name is LayerName {
  return (LAYERS as readonly (string | undefined)[]).includes(name);
}

/** One parameter of a layer; a file that was read has all of them. */
export function parameter(weights: Weights, layer: LayerName, name: string): Tensor {
  const value = weights.get(layer)?.[name];
  if (value === undefined) throw new Error(`${layer} has no ${name}`);
  return value;
}
