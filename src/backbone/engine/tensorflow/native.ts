import type * as TensorFlow from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';

/** What Cairn uses of the native backend beyond TensorFlow.js' own interface. */
export interface NativeBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding: NativeBinding;
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  /** Hands a tensor of the library over to TensorFlow.js, which disposes of it with the result. */
  createOutputTensor(tensor: NativeTensor): Tensor;
}

/** The library's own tensors go by numbers, and live until they are deleted. */
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

export interface NativeTensor {
  readonly id: number;
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** `DT_HALF` of TensorFlow's `types.proto`; TensorFlow.js has no name for it. */
export const DT_HALF = 19;

/** The native backend, whichever is set. */
export function nativeBackend({ tf }: { readonly tf: typeof TensorFlow }): NativeBackend {
  return tf.findBackend('tensorflow') as unknown as NativeBackend;
}

/** Rounds to the nearest, ties to even. */
export function cast(binding: NativeBinding, source: number, from: number, to: number): NativeTensor {
  const attributes = [
    typeAttribute(binding, 'SrcT', from),
    typeAttribute(binding, 'DstT', to),
    { name: 'Truncate', type: binding.TF_ATTR_BOOL, value: false },
  ];
  return binding.executeOp('Cast', attributes, [source], 1)[0]!;
}

export function typeAttribute(binding: NativeBinding, name: string, value: number): object {
  return { name, type: binding.TF_ATTR_TYPE, value };
}
