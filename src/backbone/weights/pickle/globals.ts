import { Span, UnsafePickle, type Buildable, type PickleGlobal } from '../../../formats/pickle/unpickle.js';
import { NumpyArray, NumpyDtype, torchTensor, TorchTensor, type TorchStorage } from './tensors.js';

/** What a checkpoint keeps beside its tensors, such as the arguments of a training script: dropped. */
class Dropped implements Buildable {
  build(): void {}
}

/** A class of storages; `dtype` is the type of its elements. */
export class StorageType implements PickleGlobal {
  constructor(readonly dtype: string) {}

  call(): never {
    throw new UnsafePickle('its pickle makes a storage of its own');
  }
}

/** `<module> <name>` of the classes of storages, and what they hold. */
const STORAGES: Readonly<Record<string, string>> = {
  Float: 'float32',
  Double: 'float64',
  Half: 'float16',
  BFloat16: 'bfloat16',
  Long: 'int64',
  Int: 'int32',
  Short: 'int16',
  Char: 'int8',
  Byte: 'uint8',
  Bool: 'bool',
  ComplexFloat: 'complex64',
  ComplexDouble: 'complex128',
};

/** Types of elements, which occur as values of their own. */
const DTYPES = [...Object.values(STORAGES), 'half', 'float', 'double', 'long', 'int', 'short', 'cfloat', 'cdouble'];

const dropped: PickleGlobal = { call: () => new Dropped() };

/** Every argument in a list, where the first is a list: a set. */
const items: PickleGlobal = { call: ([first]) => (Array.isArray(first) ? (first as unknown[]) : []) };

/** A dictionary; Python 2 hands its items over as a list of pairs. */
const dictionary: PickleGlobal = {
  call: ([first]) => {
    // Counted values; nothing changes them later.
    if (first instanceof Map) return first;
    const pairs = Array.isArray(first) ? (first as unknown[]) : [];
    return new Map(
      pairs.map((pair) => (Array.isArray(pair) && pair.length === 2 ? (pair as [unknown, unknown]) : fail())),
    );
  },
};

/** Its argument makes missing values; none are missed here. */
const emptyDictionary: PickleGlobal = { call: () => new Map() };

function fail(): never {
  throw new Error('its pickle makes a dictionary of something that is none');
}

const rebuildTensor: PickleGlobal = {
  call: ([storage, offset, size, stride]) => {
    if (!isStorage(storage)) throw new Error('a tensor has no storage');
    return torchTensor(storage, offset, size, stride);
  },
};

/** A parameter is its tensor. */
const rebuildParameter: PickleGlobal = { call: ([data]) => asTensor(data) };

/** `(function, class, arguments, state)`: a tensor with attributes. */
const rebuildFromType: PickleGlobal = {
  call: ([make, , args]) => {
    const known = [rebuildTensor, rebuildParameter].find((one) => one === make);
    if (!known || !Array.isArray(args)) {
      throw new UnsafePickle('its pickle makes a tensor by something that is no known function');
    }
    return known.call(args as unknown[]);
  },
};

function asTensor(value: unknown): TorchTensor {
  if (!(value instanceof TorchTensor)) throw new Error('a parameter has no tensor');
  return value;
}

/** `(function, class, arguments)`: an empty array, whose state follows. */
const reconstructArray: PickleGlobal = { call: () => new NumpyArray() };

/** Protocol 5: `(data, dtype, shape, order)`. */
const arrayFromBuffer: PickleGlobal = {
  call: ([data, dtype, shape, order]) => {
    const array = new NumpyArray();
    array.build([1, shape, dtype, order === 'F', data]);
    return array;
  },
};

const numpyDtype: PickleGlobal = {
  call: ([kind]) => {
    if (typeof kind !== 'string' || !/^[a-zA-Z]\d{0,4}$/.test(kind)) throw new Error('a type of NumPy has no name');
    return new NumpyDtype(kind);
  },
};

/** `(text, 'latin1')`: bytes, as protocol 2 of Python 3 writes them. They stay a text, or in the file. */
const encode: PickleGlobal = {
  call: ([text, encoding]) => {
    if (encoding !== 'latin1' && encoding !== 'latin-1')
      throw new Error('its pickle encodes a text otherwise than as latin1');
    if (typeof text === 'string' || text instanceof Span) return text;
    throw new Error('its pickle encodes something that is no text');
  },
};

function both(modules: readonly string[], names: Readonly<Record<string, PickleGlobal>>): [string, PickleGlobal][] {
  return modules.flatMap((module) =>
    Object.entries(names).map(([name, global]): [string, PickleGlobal] => [`${module}.${name}`, global]),
  );
}

/** NumPy 2 renamed its inner modules. */
const ALLOWED: ReadonlyMap<string, PickleGlobal> = new Map([
  ...both(['collections'], { OrderedDict: dictionary, defaultdict: emptyDictionary, Counter: dictionary }),
  ...both(['builtins', '__builtin__'], {
    set: items,
    frozenset: items,
    dict: dictionary,
    list: items,
    complex: dropped,
    bytearray: dropped,
  }),
  ...both(['argparse'], { Namespace: dropped }),
  ...both(['_codecs'], { encode }),
  ...both(
    ['torch', 'torch.storage'],
    Object.fromEntries(Object.entries(STORAGES).map(([name, dtype]) => [`${name}Storage`, new StorageType(dtype)])),
  ),
  ...both(['torch'], Object.fromEntries(DTYPES.map((name) => [name, dropped]))),
  ...both(['torch'], { Size: items, device: dropped, Tensor: dropped }),
  ...both(['torch.nn.parameter'], { Parameter: dropped }),
  ...both(['torch._utils'], {
    _rebuild_tensor: rebuildTensor,
    _rebuild_tensor_v2: rebuildTensor,
    _rebuild_parameter: rebuildParameter,
    _rebuild_parameter_with_state: rebuildParameter,
  }),
  ...both(['torch._tensor'], { _rebuild_from_type_v2: rebuildFromType }),
  ...both(['numpy'], { ndarray: dropped, dtype: numpyDtype }),
  ...both(['numpy.core.multiarray', 'numpy._core.multiarray'], { _reconstruct: reconstructArray, scalar: dropped }),
  ...both(['numpy.core.numeric', 'numpy._core.numeric'], { _frombuffer: arrayFromBuffer }),
]);

/**
 * The meaning of a global. Those allowed are what PyTorch's `weights_only` loader allows for tensors and NumPy for
 * arrays, and plain containers of Python; nothing of theirs runs, and what holds no tensors is dropped.
 *
 * @throws UnsafePickle, naming any other.
 */
export function findGlobal(module: string, name: string): PickleGlobal {
  const global = ALLOWED.get(`${module}.${name}`);
  if (global) return global;
  throw new UnsafePickle(
    `its pickle asks for ${shown(`${module}.${name}`)}, which is not among the globals of tensors`,
  );
}

/** Names come from the file. */
function shown(name: string): string {
  return /^[\w.<>-]{1,120}$/.test(name) ? name : JSON.stringify(name.slice(0, 120));
}

function isStorage(value: unknown): value is TorchStorage {
  return typeof value === 'object' && value !== null && 'elements' in value && 'key' in value;
}

/** The storages of a file, each once. Their places are known when the pickle has ended. */
export class StorageTable {
  readonly storages = new Map<string, TorchStorage>();

  /**
   * The storage of a persistent id, `('storage', class, key, device, elements)`; older files have a sixth item.
   *
   * @throws Error, its message a clause about the file, for an id that is none.
   */
  find(id: unknown): TorchStorage {
    const [kind, type, key, , elements, view] = Array.isArray(id) ? (id as unknown[]) : [];
    if (kind !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isCount(elements)) {
      throw new UnsafePickle('its pickle has a persistent id that is no storage');
    }
    if (view !== undefined && view !== null) throw new Error('it has storages that are parts of others');
    const known = this.storages.get(key);
    if (!known) {
      const storage: TorchStorage = { key, dtype: type.dtype, elements };
      this.storages.set(key, storage);
      return storage;
    }
    if (known.dtype !== type.dtype || known.elements !== elements)
      throw new Error(`it has two storages called ${shown(key)}`);
    return known;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
