import { createRequire } from 'node:module';
import type * as TensorFlow from '@tensorflow/tfjs-core';

// Both packages are CommonJS: TensorFlow.js is one instance only when every part of it is loaded the same way.
const load = createRequire(import.meta.url);

export const tf = load('@tensorflow/tfjs-core') as typeof TensorFlow;

/** Starts TensorFlow.js on WebAssembly, which needs no native code. */
export async function startTensorflow(): Promise<void> {
  load('@tensorflow/tfjs-backend-wasm');
  if (!(await tf.setBackend('wasm'))) throw new Error('WebAssembly could not be started');
}
