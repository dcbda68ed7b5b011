import { halvesToFloats } from './float16.js';

/** The types of floating-point numbers that weights come in. */
export type FloatType = 'float16' | 'bfloat16' | 'float32' | 'float64';

export const FLOAT_BYTES: Readonly<Record<FloatType, number>> = { float16: 2, bfloat16: 2, float32: 4, float64: 8 };

/** For messages about tensors of other types. */
export const FLOATS_READ = 'float16, bfloat16, float32 and float64 are read';

/**
 * Little-endian numbers as float32; `bytes` must be aligned and may be shared with the result. float64 is rounded to the nearest float32, which may be infinity.
 */
export function toFloat32(
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
  type: FloatType,
): Float32Array<ArrayBuffer> {
  const count = byteLength / FLOAT_BYTES[type];
  switch (type) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, count);
    case 'float64':
      return new Float32Array(new Float64Array(buffer, byteOffset, count));
    case 'float16':
      return halvesToFloats(new Uint16Array(buffer, byteOffset, count));
    case 'bfloat16': {
      const halves = new Uint16Array(buffer, byteOffset, count);
      const bits = new Uint32Array(count);
      for (let i = 0; i < count; i++) bits[i] = halves[i]! << 16;
      return new Float32Array(bits.buffer);
    }
  }
}

/** Turns the bytes of every number of `size` bytes around, in place: big-endian to little-endian. */
export function swapBytes({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>, size: number): void {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (size === 2) bytes.swap16();
  else if (size === 4) bytes.swap32();
  else if (size === 8) bytes.swap64();
}
