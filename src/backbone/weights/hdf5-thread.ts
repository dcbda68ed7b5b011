/**
 * Entry of the thread that reads one HDF5 file. HDF5 is 15 MB of WebAssembly that never frees memory, and a
 * damaged file can hang or crash it: here that costs one thread.
 */
import * as h5 from 'h5wasm/node';
import { openSync } from 'node:fs';
import { devNull } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { sizeOf } from '../graph/summary.js';
import { FLOAT_BYTES, toFloat32, type FloatType } from '../../formats/floats.js';
import { namedVariable } from './keras-variables.js';
import { tensorPath, type WeightsEntry } from './weights-reader.js';

/** Requests the values of the tensor at `index` of the entries, of this type. */
export interface Hdf5Request {
  readonly index: number;
  readonly type: FloatType;
}

/** The first reply has the file's entries, the others follow the order of the requests. */
export type Hdf5Reply =
  | { readonly entries: readonly WeightsEntry[] }
  | { readonly values: Float32Array }
  /** A clause for `unreadable`. */
  | { readonly error: string };

/** Limits for untrusted files; a whole Mask R-CNN has about 400 tensors, 5 levels deep. */
const MAX_DEPTH = 12;
const MAX_OBJECTS = 100_000;
/** The longest name that a file may use. */
const MAX_TEXT_BYTES = 1000;

/** A clause for `unreadable`; HDF5 itself throws numbers and traps. */
class Refusal extends Error {}

const port = parentPort!;
const module = await h5.ready;
// HDF5 prints its errors, which the caller gets anyway.
const stderr = (module.FS as unknown as { streams: { nfd: number }[] }).streams[2];
if (stderr) stderr.nfd = openSync(devNull, 'w');

type H5Object = ReturnType<h5.Group['get']>;

function isGroup(object: H5Object): object is h5.Group {
  return object !== null && 'keys' in object;
}

function isDataset(object: H5Object): object is h5.Dataset {
  return object !== null && 'shape' in object && 'value' in object;
}

function open(path: string): Map<WeightsEntry, h5.Dataset> {
  const file = new h5.File(path, 'r');
  // Only the handle shows that HDF5 refused the file.
  if (file.file_id < 0n) throw new Refusal('it cannot be opened as HDF5; it may be truncated');
  // A whole model has its weights in a group.
  const root = file.get('model_weights') ?? file;
  const found = isGroup(root) ? collect(root) : new Map<WeightsEntry, h5.Dataset>();
  if (found.size === 0) throw new Refusal('it holds no tensors');
  return found;
}

function collect(root: h5.Group): Map<WeightsEntry, h5.Dataset> {
  const found = new Map<string, [WeightsEntry, h5.Dataset]>();
  let left = MAX_OBJECTS;
  const visit = (group: h5.Group, prefix: string, depth: number) => {
    if (depth > MAX_DEPTH) throw new Refusal(`its groups are nested more than ${MAX_DEPTH} deep`);
    // Keras 3 names a layer on the group of its variables.
    const layer = prefix.endsWith('/vars/') ? textAttribute(group, 'name') : undefined;
    for (const key of group.keys()) {
      if (--left < 0) throw new Refusal(`it has more than ${MAX_OBJECTS} objects`);
      const object = group.get(key);
      if (isGroup(object)) visit(object, `${prefix}${key}/`, depth + 1);
      else if (isDataset(object)) {
        const full = tensorPath(prefix + key);
        const path = layer === undefined ? full : namedVariable(full, layer);
        if (found.has(path)) throw new Refusal(`two of its tensors are called ${path}`);
        found.set(path, [{ path, shape: object.shape ?? [], dtype: typeOf(object) }, object]);
      }
    }
  };
  visit(root, '', 0);
  return new Map(found.values());
}

/** Classes of HDF5 types by number (`H5T_class_t`). */
const CLASSES = ['integer', 'float', 'time', 'string', 'bitfield', 'opaque', 'compound', 'reference', 'enum', 'vlen'];

function typeOf(dataset: h5.Dataset): string {
  const { type, size } = dataset.metadata;
  // numpy has no bfloat16: Keras stores the bytes and declares the type in an attribute.
  if (size === 2 && textAttribute(dataset, 'dtype') === 'bfloat16') return 'bfloat16';
  return `${CLASSES[type] ?? 'unknown'}${8 * size}`;
}

function textAttribute(object: h5.Group | h5.Dataset, name: string): string | undefined {
  const { attrs } = object;
  if (!Object.hasOwn(attrs, name)) return undefined;
  const { size, total_size: count } = attrs[name]!.metadata;
  const value = count === 1 && size <= MAX_TEXT_BYTES ? object.get_attribute(name, false) : undefined;
  return typeof value === 'string' && value.length <= MAX_TEXT_BYTES ? value : undefined;
}

/** Reads bytes, not values: the library has no 16-bit types, and does not report a failed read. */
function read({ shape }: WeightsEntry, dataset: h5.Dataset, type: FloatType): Float32Array<ArrayBuffer> {
  const length = sizeOf(shape) * FLOAT_BYTES[type];
  // Above the module's 2 GiB its allocator would see a smaller number.
  const pointer = length < module.MAXIMUM_MEMORY ? module._malloc(length) : 0;
  if (pointer === 0) throw new Error(`${length} bytes cannot be allocated`);
  try {
    const status = module.get_dataset_data(dataset.file_id, dataset.path, null, null, null, BigInt(pointer));
    if (status < 0) throw new Error('refused by HDF5');
    return toFloat32(module.HEAPU8.slice(pointer, pointer + length), type);
  } finally {
    module._free(pointer);
  }
}

function reply(message: Hdf5Reply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

try {
  const tensors = [...open(workerData as string)];
  port.on('message', ({ index, type }: Hdf5Request) => {
    const [entry, dataset] = tensors[index]!;
    try {
      const values = read(entry, dataset, type);
      reply({ values }, [values.buffer]);
    } catch {
      reply({ error: `${entry.path} cannot be read; the file may be truncated` });
    }
  });
  reply({ entries: tensors.map(([entry]) => entry) });
} catch (error) {
  reply({ error: error instanceof Refusal ? error.message : 'its groups cannot be read; it may be truncated' });
}
