import type { Tensor } from '@tensorflow/tfjs-core';
import type { Dtype } from '../../tensor.js';
import { floatsToHalves } from '../float16.js';
import type { NativeBackend, Runtime } from './runtime.js';

/** `DT_HALF` of TensorFlow's `types.proto`; TensorFlow.js has no name for it. */
const DT_HALF = 19;

/** The values of a float32 tensor as bytes in the asked type, C order. */
export function readOutput({ tf, backend }: Runtime, tensor: Tensor, dtype: Dtype): Uint8Array<ArrayBuffer> {
  if (dtype === 'float32') return ownBytes(tensor.dataSync<'float32'>(), backend);
  const packable = backend === 'tensorflow' && tensor.size % 2 === 0;
  if (!packable) return viewBytes(floatsToHalves(tensor.dataSync<'float32'>()));
  const shape = tf.tensor1d([tensor.size / 2, 2], 'int32');
  try {
    return nativeHalves(tf.backend() as unknown as NativeBackend, tensor, shape);
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
  const type = (name: string, value: number) => ({ name, type: binding.TF_ATTR_TYPE, value });
  const made: number[] = [];
  const execute = (op: string, attributes: object[], inputs: number[]): number => {
    const [output] = binding.executeOp(op, attributes, inputs, 1);
    made.push(output!.id);
    return output!.id;
  };
  try {
    const [source, pairs] = backend.getInputTensorIds([tensor, shape]) as [number, number];
    const truncate = { name: 'Truncate', type: binding.TF_ATTR_BOOL, value: false };
    const halves = execute('Cast', [type('SrcT', binding.TF_FLOAT), type('DstT', DT_HALF), truncate], [source]);
    const reshaped = execute('Reshape', [type('T', DT_HALF), type('Tshape', binding.TF_INT32)], [halves, pairs]);
    const packed = execute('Bitcast', [type('T', DT_HALF), type('type', binding.TF_INT32)], [reshaped]);
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
