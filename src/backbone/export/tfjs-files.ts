import { createHash } from 'node:crypto';
import { CairnError } from '../../errors.js';
import { toLayersModel } from '../engine/tensorflow/layers-model.js';
import { saveLayersModel, type SavedModel } from '../engine/tensorflow/saved-model.js';
import { loadWasm } from '../engine/tensorflow/runtime.js';
import { exportMetadata, type ExportRequest } from './export-request.js';

/** Browsers cache files of this size; the converter of TensorFlow.js writes them as well. */
const SHARD_BYTES = 4 << 20;

/** A file of a folder. */
export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The network as a folder that `tf.loadLayersModel('…/model.json')` reads: the weights in shards, and last `model.json`, which
 * names them. The names of the shards depend on their content, so a folder that is written again never mixes two networks.
 *
 * Input: float32 RGB of 0–255, `[batch, height, width, 3]`, of any size that the network works on. Outputs: the levels in their
 * order, `[batch, height, width, channels]` float32; `userDefinedMetadata.levels` has their names.
 *
 * @throws CairnError `option-invalid` for another type, layout or precision.
 */
export async function tfjsFiles(request: ExportRequest): Promise<NamedFile[]> {
  const { graph, weights, levels, dtype, layout = 'nhwc', precision = 'float32' } = request;
  if (dtype !== 'float32' || layout !== 'nhwc' || precision !== 'float32') {
    throw new CairnError('option-invalid', 'A model of TensorFlow.js computes in float32 and nhwc, and returns them.');
  }
  await loadWasm();
  const model = toLayersModel(graph, weights, { outputs: levels, standalone: true });
  let saved: SavedModel;
  try {
    model.setUserDefinedMetadata(exportMetadata(request));
    saved = await saveLayersModel(model);
  } finally {
    model.dispose();
  }
  const shards = shardsOf(saved.data);
  const json = saved.describe(shards.map(({ name }) => name));
  return [...shards, { name: 'model.json', bytes: Buffer.from(json) }];
}

function shardsOf(data: Buffer): NamedFile[] {
  const digest = createHash('sha256').update(data).digest('hex').slice(0, 8);
  const count = Math.ceil(data.length / SHARD_BYTES);
  return Array.from({ length: count }, (_, i) => ({
    name: `weights-${digest}-${i + 1}of${count}.bin`,
    bytes: data.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
  }));
}
