import { NumpyArray, TorchTensor } from './tensors.js';

export type Tensor = TorchTensor | NumpyArray;

/**
 * Under which key a checkpoint keeps the network, the first that is there: averaged weights come before those that
 * training ended with, as in timm and in torchvision's published files.
 */
const WRAPPERS = [
  'state_dict_ema',
  'model_ema',
  'ema_state_dict',
  'model_ema_state_dict',
  'state_dict',
  'model_state_dict',
  'model',
  'net',
  'network',
  'weights',
] as const;
const MAX_WRAPPERS = 3;

export interface StateDict {
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The keys that lead to them in a checkpoint: `state_dict`; empty where the file holds nothing else. */
  readonly within: string;
}

/**
 * The tensors of the network in what a pickle holds: a state_dict, or a checkpoint that has one beside the state of an
 * optimizer and other things.
 *
 * @throws Error, its message a clause about the file, when there are none.
 */
export function findStateDict(root: unknown): StateDict {
  let dict = root;
  const seen = new Set<unknown>();
  const keys: string[] = [];
  while (dict instanceof Map && keys.length < MAX_WRAPPERS) {
    const key = WRAPPERS.find((name) => holdsTensors((dict as Map<unknown, unknown>).get(name), seen));
    if (key === undefined) break;
    keys.push(key);
    dict = dict.get(key);
  }
  const tensors = new Map<string, Tensor>();
  if (dict instanceof Map) {
    for (const [name, value] of dict as Map<unknown, unknown>) {
      if (typeof name === 'string' && isTensor(value)) tensors.set(name, value);
    }
  }
  if (tensors.size === 0) throw new Error('it holds no state_dict: save model.state_dict()');
  return { tensors, within: keys.join('.') };
}

/** Whether it is a dictionary of tensors, or one that wraps such a dictionary. Each is looked through once. */
function holdsTensors(value: unknown, seen: Set<unknown>, depth = 1): boolean {
  if (!(value instanceof Map)) return false;
  const dict = value as Map<unknown, unknown>;
  if (seen.has(dict)) return false;
  for (const inner of dict.values()) if (isTensor(inner)) return true;
  seen.add(dict);
  return depth < MAX_WRAPPERS && WRAPPERS.some((name) => holdsTensors(dict.get(name), seen, depth + 1));
}

function isTensor(value: unknown): value is Tensor {
  return value instanceof TorchTensor || value instanceof NumpyArray;
}
