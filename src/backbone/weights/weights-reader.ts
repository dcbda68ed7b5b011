import { CairnError } from '../../errors.js';

/** One tensor as a weights file declares it. */
export interface WeightsEntry {
  /** The tensor's full name in the file: HDF5 groups joined by `/`, without a trailing `:0`. */
  readonly path: string;
  /** In the file's own layout; see `Layout`. */
  readonly shape: readonly number[];
  /** As the file names it. */
  readonly dtype: string;
}

/** A file (or a recipe) that holds tensors by name: the port of the weights module. */
export interface WeightsReader {
  readonly format: 'keras-hdf5' | 'npz' | 'safetensors' | 'torch' | 'numpy-pickle' | 'seeded';
  /** In a checkpoint that holds other things too: the keys that lead to the tensors, such as `state_dict`. */
  readonly within?: string;
  /** Each path once. */
  entries(): readonly WeightsEntry[];
  /**
   * The values of one declared tensor as float32, in C order of its declared shape. float16, bfloat16
   * and float64 are converted; values beyond float32 become infinity.
   *
   * @throws CairnError `weights-unreadable` when the bytes are not there or the type is not a float.
   */
  read(entry: WeightsEntry): Promise<Float32Array>;
  close(): Promise<void>;
}

/** TensorFlow numbers the outputs of an operation; a variable has one, `:0`. */
export function tensorPath(name: string): string {
  return name.replace(/:0$/, '');
}

/** The error of every reader: `why` is a clause that follows a colon. */
export function unreadable(path: string, why: string, cause?: unknown): CairnError {
  return new CairnError('weights-unreadable', `${path} is not a usable weights file: ${why}.`, { cause });
}
