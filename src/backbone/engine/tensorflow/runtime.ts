import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { CairnError } from '../../../errors.js';
import { disableTf32 } from '../devices.js';
import { nativeBackend, type Runtime, type Tf } from './native.js';

/** The native packages, the best first. */
const NATIVE = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

const load = createRequire(import.meta.url);

/** Why the native library cannot be loaded, where that is known without a try. */
export function nativeUnavailableReason(): string | undefined {
  if (NATIVE.some(hasAddon)) return undefined;
  return `${NATIVE[0]} has no addon; \`npm run engine:tensorflow\` gets or builds it`;
}

function hasAddon(name: string): boolean {
  const root = packageRoot(name);
  if (root === undefined || !existsSync(join(root, 'lib'))) return false;
  // node-pre-gyp names them after the version of Node's ABI.
  return readdirSync(join(root, 'lib')).some((folder) => folder.startsWith('napi-v'));
}

function packageRoot(name: string): string | undefined {
  try {
    return dirname(load.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/**
 * The native library on the GPU or on the CPU: it uses a GPU where it sees one. The first load fixes the
 * number of threads per operation for the whole process; 0 leaves it to the library.
 *
 * @throws CairnError `device-unavailable` with the reason.
 */
export function loadNative(device: 'gpu' | 'cpu', threads = 0): Runtime {
  const name = NATIVE.find(hasAddon);
  if (!name)
    throw new CairnError('device-unavailable', `The native TensorFlow is not available: ${nativeUnavailableReason()}.`);
  restoreUtil();
  disableTf32();
  // By default it allocates the whole card, even a shared one.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  if (threads > 0) process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
  let tf: Tf;
  try {
    tf = loadForGood(name) as Tf;
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw new CairnError('device-unavailable', `${name} cannot be loaded: ${reason}`, { cause });
  }
  const { isUsingGpuDevice = false, binding } = nativeBackend({ tf });
  if (isUsingGpuDevice === (device === 'gpu')) return { tf, backend: 'tensorflow' };
  throw new CairnError(
    'device-unavailable',
    device === 'gpu'
      ? `TensorFlow ${binding.TF_Version} (${name}) sees no GPU.`
      : 'TensorFlow sees a GPU and uses it; hide it (CUDA_VISIBLE_DEVICES=-1) to run on the CPU.',
  );
}

/** glibc's `RTLD_NODELETE`, which `os.constants` lacks. */
const STAY_LOADED = 0x1000;

/**
 * Requires a package and keeps its libraries loaded after the thread ends: Node would unload them, and
 * their exit handlers, which the process still calls, with them.
 */
function loadForGood(name: string): unknown {
  if (process.platform !== 'linux') return load(name);
  const dlopen = Reflect.get<NodeJS.Process, 'dlopen'>(process, 'dlopen');
  process.dlopen = (module, file, flags = constants.dlopen.RTLD_LAZY) => {
    dlopen.call(process, module, file, flags | STAY_LOADED);
  };
  try {
    return load(name);
  } finally {
    process.dlopen = dlopen;
  }
}

/** Versions of the installed packages. */
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

/** Functions that Node 23 removed and tfjs-node 4.22 still calls. */
function restoreUtil(): void {
  const old = util as unknown as Record<string, unknown>;
  old['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  old['isArray'] ??= Array.isArray;
}
