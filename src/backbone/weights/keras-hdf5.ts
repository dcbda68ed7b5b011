import type * as H5 from 'h5wasm/node';
import { CairnError } from '../../errors.js';
import { splitTensorPath, type WeightsEntry, type WeightsReader } from './weights-reader.js';

/** Limits on what a stranger's file may declare; a whole Mask R-CNN has about 400 tensors, 5 levels deep. */
const MAX_DEPTH = 12;
const MAX_OBJECTS = 100_000;

/**
 * Opens a Keras HDF5 weights file. The layers are the groups of the root, or of `model_weights`
 * in a file that holds a whole model; what lies below a group belongs to that layer, whichever of
 * the three layouts wrote it.
 *
 * @throws CairnError `weights-unreadable` when the file is not HDF5, is cut short or holds no tensors.
 */
export async function openKerasHdf5(path: string): Promise<WeightsReader> {
  // 15 MB of WebAssembly: loaded only when a file of this kind is opened.
  const h5: typeof H5 = await import('h5wasm/node');
  await h5.ready;
  let file: H5.File;
  let datasets: Map<WeightsEntry, H5.Dataset>;
  try {
    file = new h5.File(path, 'r');
    // What HDF5 refuses is told by the handle only.
    if (file.file_id < 0n) throw new Error('refused by HDF5');
  } catch (cause) {
    throw unreadable(path, 'it cannot be opened as HDF5; it may be truncated', cause);
  }
  try {
    const root = file.get('model_weights') ?? file;
    datasets = new Map();
    if (isGroup(root)) collect(root, '', 0, datasets, { left: MAX_OBJECTS });
  } catch (cause) {
    file.close();
    throw unreadable(path, 'its groups cannot be read; it may be truncated', cause);
  }
  if (datasets.size === 0) {
    file.close();
    throw unreadable(path, 'it holds no tensors');
  }

  const entries = [...datasets.keys()];
  return {
    format: 'keras-hdf5',
    entries: () => entries,
    read: (entry) => Promise.resolve().then(() => readFloats(path, entry, datasets.get(entry)!)),
    close: () => Promise.resolve(void file.close()),
  };
}

type H5Object = ReturnType<H5.Group['get']>;

function isGroup(object: H5Object): object is H5.Group {
  return object !== null && 'keys' in object;
}

function isDataset(object: H5Object): object is H5.Dataset {
  return object !== null && 'shape' in object && 'value' in object;
}

function collect(
  group: H5.Group,
  prefix: string,
  depth: number,
  found: Map<WeightsEntry, H5.Dataset>,
  budget: { left: number },
): void {
  for (const key of group.keys()) {
    if (--budget.left < 0) throw new Error(`more than ${MAX_OBJECTS} objects`);
    const object = group.get(key);
    const path = prefix + key;
    if (isGroup(object)) {
      if (depth >= MAX_DEPTH) throw new Error(`groups are nested more than ${MAX_DEPTH} deep`);
      collect(object, `${path}/`, depth + 1, found, budget);
    } else if (isDataset(object)) {
      found.set({ ...splitTensorPath(path), shape: object.shape ?? [], dtype: JSON.stringify(object.dtype) }, object);
    }
  }
}

function readFloats(path: string, entry: WeightsEntry, dataset: H5.Dataset): Float32Array {
  let value: unknown;
  try {
    value = dataset.value;
  } catch (cause) {
    throw unreadable(path, `${entry.layer}/${entry.parameter} cannot be read; the file may be truncated`, cause);
  }
  if (value instanceof Float32Array) return value;
  if (value instanceof Float64Array) return Float32Array.from(value);
  throw unreadable(path, `${entry.layer}/${entry.parameter} has type ${entry.dtype}, not float32 or float64`);
}

function unreadable(path: string, why: string, cause?: unknown): CairnError {
  return new CairnError('weights-unreadable', `${path} is not a usable weights file: ${why}.`, { cause });
}
