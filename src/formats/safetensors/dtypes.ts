import type { FloatType } from '../floats.js';

/** Bytes per element of the types that Cairn writes. */
export const DTYPE_BYTES = { F32: 4, F16: 2, U8: 1 } as const;
export type SafetensorsDtype = keyof typeof DTYPE_BYTES;

const FLOATS: Readonly<Record<string, FloatType>> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
};

/** The type of number that `F32` names, or undefined when it is not a supported float. */
export function floatTypeOf(dtype: string): FloatType | undefined {
  return FLOATS[dtype];
}
