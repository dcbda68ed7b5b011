import type * as TensorFlow from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { floatsToHalves } from '../../../formats/float16.js';
import type { Dtype } from '../../tensor.js';

export type Tf = typeof TensorFlow;

/** TensorFlow.js with one of its backends, under TensorFlow.js' name. */
export interface Runtime {
  readonly tf: Tf;
  readonly backend: 'tensorflow' | 'wasm';
}

/** The native backend's members that Cairn uses beyond TensorFlow.js' interface. */
export interface NativeBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding: NativeBinding;
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  /** Hands a tensor of the library over to TensorFlow.js, which disposes of it with the result. */
  createOutputTensor(tensor: NativeTensor): Tensor;
}

/** The library's own tensors have numeric ids, and live until they are deleted. */
export interface NativeBinding {
  readonly TF_Version: string;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  createTensor(shape: readonly number[], type: number, values: Uint8Array): number;
  executeOp(name: string, attributes: object[], inputs: number[], outputs: number): NativeTensor[];
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  deleteTensor(id: number): void;
  getNumOfTensors(): number;
}

interface NativeTensor {
  readonly id: number;
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** `DT_HALF` of TensorFlow's `types.proto`; TensorFlow.js has no name for it. */
const DT_HALF = 19;

/** The native backend, even while another one is set. */
export function nativeBackend({ tf }: { readonly tf: Tf }): NativeBackend {
  return tf.findBackend('tensorflow') as unknown as NativeBackend;
}

/** Rounds to the nearest, ties to even. */
function cast(binding: NativeBinding, source: number, from: number, to: number): NativeTensor {
  const attributes = [
    typeAttribute(binding, 'SrcT', from),
    typeAttribute(binding, 'DstT', to),
    { name: 'Truncate', type: binding.TF_ATTR_BOOL, value: false },
  ];
  return binding.executeOp('Cast', attributes, [source], 1)[0]!;
}

function typeAttribute(binding: NativeBinding, name: string, value: number): object {
  return { name, type: binding.TF_ATTR_TYPE, value };
}

/**
 * Bytes as a float32 tensor. The native library takes bytes and converts them itself: that takes
 * half the time, and sends a GPU a quarter of the bytes.
 */
export function loadPixels(runtime: Runtime, pixels: Uint8Array, shape: [number, number, number, number]): Tensor4D {
  if (runtime.backend !== 'tensorflow') return runtime.tf.tensor4d(Float32Array.from(pixels), shape);
  const backend = nativeBackend(runtime);
  const { binding } = backend;
  const bytes = binding.createTensor(shape, binding.TF_UINT8, pixels);
  try {
    return backend.createOutputTensor(cast(binding, bytes, binding.TF_UINT8, binding.TF_FLOAT)) as Tensor4D;
  } finally {
    binding.deleteTensor(bytes);
  }
}

/** The values of a float32 tensor as bytes in the requested type, C order. */
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
 * is read as int32, two values in each, and intermediate tensors by their ids.
 */
function nativeHalves(backend: NativeBackend, tensor: Tensor, shape: Tensor): Uint8Array<ArrayBuffer> {
  const { binding } = backend;
  const made: number[] = [];
  const keep = ({ id }: { readonly id: number }): number => {
    made.push(id);
    return id;
  };
  try {
    const [source, pairs] = backend.getInputTensorIds([tensor, shape]) as [number, number];
    const halves = keep(cast(binding, source, binding.TF_FLOAT, DT_HALF));
    const toPairs = [typeAttribute(binding, 'T', DT_HALF), typeAttribute(binding, 'Tshape', binding.TF_INT32)];
    const reshaped = keep(binding.executeOp('Reshape', toPairs, [halves, pairs], 1)[0]!);
    const toInt = [typeAttribute(binding, 'T', DT_HALF), typeAttribute(binding, 'type', binding.TF_INT32)];
    const packed = keep(binding.executeOp('Bitcast', toInt, [reshaped], 1)[0]!);
    return viewBytes(binding.tensorDataSync(packed) as Int32Array<ArrayBuffer>);
  } finally {
    for (const id of made) binding.deleteTensor(id);
  }
}

/** Results are transferred to other threads: views of WebAssembly's memory are copied, native results are new. */
function ownBytes(values: Float32Array, backend: Runtime['backend']): Uint8Array<ArrayBuffer> {
  return viewBytes(backend === 'tensorflow' ? (values as Float32Array<ArrayBuffer>) : values.slice());
}

function viewBytes({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
