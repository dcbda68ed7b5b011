import type * as H5 from 'h5wasm/node';
import { createReadStream } from 'node:fs';
import { sizeOf } from '../graph/summary.js';
import { FLOAT_BYTES, FLOATS_READ, toFloat32, type FloatType } from './floats.js';
import { namedVariable } from './keras-variables.js';
import { tensorPath, unreadable, type WeightsEntry, type WeightsReader } from './weights-reader.js';

/** Limits on what a stranger's file may declare; a whole Mask R-CNN has about 400 tensors, 5 levels deep. */
const MAX_DEPTH = 12;
const MAX_OBJECTS = 100_000;

type Module = Awaited<(typeof H5)['ready']>;

/**
 * Opens a Keras HDF5 weights file: those of Keras 1 and 2, of Keras 3's legacy writer, and Keras 3's own
 * `.weights.h5`. The tensors are those below the root, or below `model_weights` in a file that holds a
 * whole model.
 *
 * @throws CairnError `weights-unreadable` when the file is not HDF5, is cut short or holds no tensors.
 */
export async function openKerasHdf5(path: string): Promise<WeightsReader> {
  // 15 MB of WebAssembly: loaded only when a file of this kind is opened.
  const h5: typeof H5 = await import('h5wasm/node');
  const module = await h5.ready;
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
    datasets = isGroup(root) ? collect(root) : new Map<WeightsEntry, H5.Dataset>();
  } catch (cause) {
    file.close();
    throw unreadable(path, 'its groups cannot be read; it may be truncated', cause);
  }
  if (datasets.size === 0) {
    file.close();
    throw unreadable(path, 'it holds no tensors');
  }

  const entries = [...datasets.keys()];
  let ambiguous: Promise<boolean> | undefined;
  return {
    format: 'keras-hdf5',
    entries: () => entries,
    read: async (entry) => {
      const { path: name, dtype } = entry;
      if (!isFloatType(dtype)) throw unreadable(path, `${name} has type ${dtype}; ${FLOATS_READ}`);
      if (dtype === 'float16' && (await (ambiguous ??= definesBfloat16(path)))) {
        throw unreadable(path, `${name} may be float16 or bfloat16, and the file has both; save it as float32`);
      }
      return readFloats(module, path, entry, dtype, datasets.get(entry)!);
    },
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

function collect(root: H5.Group): Map<WeightsEntry, H5.Dataset> {
  const found = new Map<string, [WeightsEntry, H5.Dataset]>();
  let left = MAX_OBJECTS;
  const visit = (group: H5.Group, prefix: string, depth: number) => {
    if (depth > MAX_DEPTH) throw new Error(`groups are nested more than ${MAX_DEPTH} deep`);
    // Keras 3 names a layer on the group of its variables.
    const layer = prefix.endsWith('/vars/') ? textAttribute(group, 'name') : undefined;
    for (const key of group.keys()) {
      if (--left < 0) throw new Error(`more than ${MAX_OBJECTS} objects`);
      const object = group.get(key);
      if (isGroup(object)) visit(object, `${prefix}${key}/`, depth + 1);
      else if (isDataset(object)) {
        const full = tensorPath(prefix + key);
        const path = layer === undefined ? full : namedVariable(full, layer);
        if (found.has(path)) throw new Error(`two tensors are called ${path}`);
        found.set(path, [{ path, shape: object.shape ?? [], dtype: typeOf(object) }, object]);
      }
    }
  };
  visit(root, '', 0);
  return new Map(found.values());
}

/** Classes of HDF5 types by number (`H5T_class_t`). */
const CLASSES = ['integer', 'float', 'time', 'string', 'bitfield', 'opaque', 'compound', 'reference', 'enum', 'vlen'];

function typeOf(dataset: H5.Dataset): string {
  const { type, size } = dataset.metadata;
  // numpy has no bfloat16: Keras stores the bytes and says in an attribute what they are.
  if (size === 2 && textAttribute(dataset, 'dtype') === 'bfloat16') return 'bfloat16';
  return `${CLASSES[type] ?? 'unknown'}${8 * size}`;
}

function textAttribute(object: H5.Group | H5.Dataset, name: string): string | undefined {
  const value = Object.hasOwn(object.attrs, name) ? object.get_attribute(name, false) : undefined;
  return typeof value === 'string' ? value : undefined;
}

function isFloatType(dtype: string): dtype is FloatType {
  return Object.hasOwn(FLOAT_BYTES, dtype);
}

/** Reads bytes, not values: the library knows no type of 16 bits, and does not tell a failed read. */
function readFloats(
  module: Module,
  path: string,
  { path: name, shape }: WeightsEntry,
  type: FloatType,
  dataset: H5.Dataset,
): Float32Array {
  const length = sizeOf(shape) * FLOAT_BYTES[type];
  // Above the module's 2 GiB its allocator would see a smaller number.
  const pointer = length < module.MAXIMUM_MEMORY ? module._malloc(length) : 0;
  try {
    if (pointer === 0) throw new Error(`${length} bytes cannot be allocated`);
    const status = module.get_dataset_data(dataset.file_id, dataset.path, null, null, null, BigInt(pointer));
    if (status < 0) throw new Error('refused by HDF5');
    return toFloat32(module.HEAPU8.slice(pointer, pointer + length), type);
  } catch (cause) {
    throw unreadable(path, `${name} cannot be read; the file may be truncated`, cause);
  } finally {
    module._free(pointer);
  }
}

/**
 * The library tells of a float type only its size. This is what HDF5 writes where a dataset's type is
 * defined: 16 bits, exponent at bit 7 and 8 bits long, mantissa at bit 0 and 7 bits long, bias 127.
 */
const BFLOAT16 = Buffer.from([16, 0, 7, 8, 0, 7, 127, 0, 0, 0]);

async function definesBfloat16(path: string): Promise<boolean> {
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = Buffer.concat([tail, chunk as Buffer]);
    if (bytes.includes(BFLOAT16)) return true;
    tail = bytes.subarray(-BFLOAT16.length);
  }
  return false;
}
