import type { Tensor } from '@tensorflow/tfjs-core';
import { floatsToHalves } from '../../../formats/float16.js';
import type { Dtype } from '../../tensor.js';
import { cast, DT_HALF, nativeBackend, typeAttribute, type NativeBackend } from './native.js';
import type { Runtime } from './runtime.js';

/** The values of a float32 tensor as bytes in the asked type, C order. */
export function readOutput(runtime: Runtime, tensor: Tensor, dtype: Dtype): Uint8Array<ArrayBuffer> {
  const { tf, backend } = runtime;
  if (dtype === 'float32') return ownBytes(tensor.dataSync<'float32'>(), backend);
  const packable = backend === 'tensorflow' && tensor.size % 2 === 0;
  if (!packable) return viewBytes(floatsToHalves(tensor.dataSync<'float32'>()));
  const shape = tf.tensor1d([tensor.size / 2, 2], 'int32');
  try {
    return nativeHalves(nativeBackend(runtime), tensor, shape);
  } finally {
    shape.dispose();
  }
}

/**
 * The native library rounds to float16 itself. TensorFlow.js does not know that type, so the result
 * leaves as int32, two values in each, and the tensors on the way go by their numbers.
 */
function nativeHalves(backend: NativeBackend, tensor: Tensor, shape: Tensor): Uint8Array<ArrayBuffer> {
  const { binding } = backend;
  const made: number[] = [];
  const keep = ({ id }: { readonly id: number }): number => {
    made.push(id);
    return id;
  };
  const type = (name: string, value: number) => typeAttribute(binding, name, value);
  try {
    const [source, pairs] = backend.getInputTensorIds([tensor, shape]) as [number, number];
    const halves = keep(cast(binding, source, binding.TF_FLOAT, DT_HALF));
    const toPairs = [type('T', DT_HALF), type('Tshape', binding.TF_INT32)];
    const reshaped = keep(binding.executeOp('Reshape', toPairs, [halves, pairs], 1)[0]!);
    const toInt = [type('T', DT_HALF), type('type', binding.TF_INT32)];
    const packed = keep(binding.executeOp('Bitcast', toInt, [reshaped], 1)[0]!);
    return viewBytes(binding.tensorDataSync(packed) as Int32Array<ArrayBuffer>);
  } finally {
    for (const id of made) binding.deleteTensor(id);
  }
}

/** Results are handed over to other threads: what WebAssembly shows of its memory is copied, what is native is new. */
function ownBytes(values: Float32Array, backend: Runtime['backend']): Uint8Array<ArrayBuffer> {
  return viewBytes(backend === 'tensorflow' ? (values as Float32Array<ArrayBuffer>) : values.slice());
}

function viewBytes({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
