import type { ParameterName } from '../graph/graph.js';

/** One tensor as a weights file declares it, before anything of it is read. */
export interface WeightsEntry {
  readonly layer: string;
  readonly parameter: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

/** A file (or a recipe) that holds the parameters of layers by name: the port of the weights room. */
export interface WeightsReader {
  readonly format: 'keras-hdf5' | 'safetensors' | 'seeded';
  entries(): readonly WeightsEntry[];
  /**
   * The values of one declared tensor as float32, C order; convolution kernels are HWIO.
   *
   * @throws CairnError `weights-unreadable` when the bytes are not there or the type is not a float.
   */
  read(entry: WeightsEntry): Promise<Float32Array>;
  close(): Promise<void>;
}

const PARAMETER_NAMES: readonly string[] = [
  'kernel',
  'bias',
  'gamma',
  'beta',
  'moving_mean',
  'moving_variance',
] satisfies ParameterName[];

/**
 * Splits a published tensor path into layer and parameter: `conv1/conv1/kernel:0` (Keras 2),
 * `conv1/conv1/kernel` (Keras 3's legacy writer), `conv1/kernel:0` (older), `conv1/kernel` and
 * `conv1.kernel` (safetensors) all name layer `conv1`, parameter `kernel`.
 */
export function splitTensorPath(path: string): { layer: string; parameter: string } {
  const parts = path.replace(/:0$/, '').split('/');
  const last = parts.at(-1)!;
  if (parts.length > 1) return { layer: parts[0]!, parameter: last };
  const dot = last.lastIndexOf('.');
  const parameter = last.slice(dot + 1);
  return dot > 0 && PARAMETER_NAMES.includes(parameter)
    ? { layer: last.slice(0, dot), parameter }
    : { layer: last, parameter: '' };
}
