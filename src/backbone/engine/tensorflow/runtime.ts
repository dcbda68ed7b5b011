import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import type * as TensorFlow from '@tensorflow/tfjs-core';
import { CairnError } from '../../../errors.js';

export type Tf = typeof TensorFlow;

/** TensorFlow.js with one of its backends. */
export interface Runtime {
  readonly tf: Tf;
  /** What TensorFlow.js calls the backend. */
  readonly backend: 'tensorflow' | 'wasm';
}

/** The native packages, the best first. */
const NATIVE = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

const load = createRequire(import.meta.url);

/** Why the native library cannot be loaded, where that is known without trying. */
export function missingNative(): string | undefined {
  if (NATIVE.some(hasAddon)) return undefined;
  return `${NATIVE[0]} has no addon; \`npm run engine:tensorflow\` gets or builds it`;
}

function hasAddon(name: string): boolean {
  const root = packageRoot(name);
  return root !== undefined && existsSync(join(root, 'lib')) && readdirSync(join(root, 'lib')).some(isNapiFolder);
}

/** node-pre-gyp names them after the version of Node's ABI. */
function isNapiFolder(name: string): boolean {
  return name.startsWith('napi-v');
}

function packageRoot(name: string): string | undefined {
  try {
    return dirname(load.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/**
 * The native library on the GPU or on the CPU: it takes a GPU where it sees one.
 *
 * @throws CairnError `device-unavailable`, telling why not.
 */
export function nativeOn(device: 'gpu' | 'cpu'): Runtime {
  const name = NATIVE.find(hasAddon);
  if (!name) throw new CairnError('device-unavailable', `The native TensorFlow is not there: ${missingNative()}.`);
  restoreUtil();
  let tf: Tf;
  try {
    tf = load(name) as Tf;
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw new CairnError('device-unavailable', `${name} cannot be loaded: ${reason}`, { cause });
  }
  const { isUsingGpuDevice = false, binding } = tf.backend() as unknown as NativeBackend;
  if (isUsingGpuDevice === (device === 'gpu')) return { tf, backend: 'tensorflow' };
  throw new CairnError(
    'device-unavailable',
    device === 'gpu'
      ? `TensorFlow ${binding.TF_Version} (${name}) sees no GPU.`
      : 'TensorFlow sees a GPU and uses it; hide it (CUDA_VISIBLE_DEVICES=-1) to run on the CPU.',
  );
}

/** Of the packages that are there. */
export function runtimeVersions(): Record<string, string> {
  const found = [...NATIVE, '@tensorflow/tfjs-backend-wasm'].flatMap((name) => {
    const root = packageRoot(name);
    return root ? [[name, (load(join(root, 'package.json')) as { version: string }).version] as const] : [];
  });
  return Object.fromEntries(found);
}

/** TensorFlow.js on WebAssembly: runs everywhere, several times slower than the native library. */
export async function loadWasm(): Promise<Runtime> {
  // Both are CommonJS: TensorFlow.js is one instance only when every part of it is loaded the same way.
  const tf = load('@tensorflow/tfjs-core') as Tf;
  load('@tensorflow/tfjs-backend-wasm');
  if (!(await tf.setBackend('wasm'))) throw new CairnError('device-unavailable', 'WebAssembly could not be started.');
  return { tf, backend: 'wasm' };
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
