import { createRequire } from 'node:module';
import util from 'node:util';
import type * as TensorFlow from '@tensorflow/tfjs-core';
import { CairnError } from '../../../errors.js';

export type Tf = typeof TensorFlow;

/** TensorFlow.js with one of its backends. */
export interface Runtime {
  readonly tf: Tf;
  /** What TensorFlow.js calls the backend. */
  readonly backend: 'tensorflow' | 'wasm';
  /** The package that brings it, with its version. */
  readonly package: string;
  /** TensorFlow's own version, where it is native. */
  readonly libtensorflow?: string;
  /** Whether the native library sees a GPU. */
  readonly gpu: boolean;
}

/** The native packages, the best first. */
const NATIVE = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

const load = createRequire(import.meta.url);

/**
 * The native library, where one of its packages is installed and has its addon.
 *
 * @throws CairnError `device-unavailable`, telling for each package why not.
 */
export function loadNative(): Runtime {
  restoreUtil();
  const reasons: string[] = [];
  for (const name of NATIVE) {
    try {
      const tf = load(name) as Tf;
      const { isUsingGpuDevice = false, binding } = tf.backend() as unknown as NativeBackend;
      const { version } = load(`${name}/package.json`) as { version: string };
      return {
        tf,
        backend: 'tensorflow',
        package: `${name} ${version}`,
        libtensorflow: binding.TF_Version,
        gpu: isUsingGpuDevice,
      };
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      reasons.push(`${name}: ${reason!.trim()}`);
    }
  }
  throw new CairnError(
    'device-unavailable',
    `TensorFlow's native library is not there (${reasons.join('; ')}); \`npm run engine:tensorflow\` gets or builds it.`,
  );
}

/** TensorFlow.js on WebAssembly: runs everywhere, several times slower than the native library. */
export async function loadWasm(): Promise<Runtime> {
  // Both are CommonJS: TensorFlow.js is one instance only when every part of it is loaded the same way.
  const tf = load('@tensorflow/tfjs-core') as Tf;
  load('@tensorflow/tfjs-backend-wasm');
  if (!(await tf.setBackend('wasm'))) throw new CairnError('device-unavailable', 'WebAssembly could not be started.');
  const { version } = load('@tensorflow/tfjs-backend-wasm/package.json') as { version: string };
  return { tf, backend: 'wasm', package: `@tensorflow/tfjs-backend-wasm ${version}`, gpu: false };
}

/** What Cairn uses of the native backend beyond TensorFlow.js' own interface. */
export interface NativeBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding: NativeBinding;
  getInputTensorIds(tensors: readonly TensorFlow.Tensor[]): number[];
}

export interface NativeBinding {
  readonly TF_Version: string;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  executeOp(name: string, attributes: object[], inputs: number[], outputs: number): { readonly id: number }[];
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  deleteTensor(id: number): void;
}

/** Functions that Node 23 removed and tfjs-node 4.22 still calls. */
function restoreUtil(): void {
  const old = util as unknown as Record<string, unknown>;
  old['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  old['isArray'] ??= Array.isArray;
}
