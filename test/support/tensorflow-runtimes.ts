import type { Runtime } from '../../src/backbone/engine/tensorflow/native.js';
import { loadNative, loadWasm } from '../../src/backbone/engine/tensorflow/runtime.js';
import type { NativeBinding } from '../../src/backbone/engine/tensorflow/native.js';
import { CairnError } from '../../src/errors.js';

/** A backend of TensorFlow.js, and the device that stands for it; the name states the reason if there is none. */
export interface RuntimeHere {
  readonly name: string;
  readonly device?: 'wasm' | 'cpu' | 'gpu';
  readonly runtime?: Runtime;
}

/** WebAssembly, and the native library on what it runs on here. */
export async function runtimesHere(): Promise<RuntimeHere[]> {
  return [{ name: 'wasm', device: 'wasm', runtime: await loadWasm() }, native()];
}

function native(): RuntimeHere {
  const reasons: string[] = [];
  for (const device of ['cpu', 'gpu'] as const) {
    try {
      return { name: `native (${device})`, device, runtime: loadNative(device) };
    } catch (error) {
      if (!(error instanceof CairnError)) throw error;
      reasons.push(error.message);
    }
  }
  return { name: `native: ${reasons[0]}` };
}

/** Makes the backend the one that TensorFlow.js computes on. */
export async function use({ tf, backend }: Runtime): Promise<void> {
  await tf.setBackend(backend);
}

/** What TensorFlow.js holds, and the native library beneath it. */
export function held({ tf }: Runtime): object {
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  const native = tf.findBackend('tensorflow') as { binding?: NativeBinding } | null;
  return { numTensors, numDataBuffers, numBytes, native: native?.binding?.getNumOfTensors() };
}
