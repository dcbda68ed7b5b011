/** The types of floating-point numbers that weights come in. */
export type FloatType = 'float16' | 'bfloat16' | 'float32' | 'float64';

export const FLOAT_BYTES: Readonly<Record<FloatType, number>> = { float16: 2, bfloat16: 2, float32: 4, float64: 8 };

/** What is said of a tensor of another type. */
export const FLOATS_READ = 'float16, bfloat16, float32 and float64 are read';

/**
 * Little-endian numbers as float32; `bytes` begins at an aligned address and may be shared with the
 * result. float64 is rounded to the nearest float32, which may be infinity.
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
    case 'bfloat16': {
      const halves = new Uint16Array(buffer, byteOffset, count);
      const bits = new Uint32Array(count);
      if (type === 'bfloat16') for (let i = 0; i < count; i++) bits[i] = halves[i]! << 16;
      else for (let i = 0; i < count; i++) bits[i] = widen(halves[i]!);
      return new Float32Array(bits.buffer);
    }
  }
}

/** IEEE 754 binary16 (sign, five bits of exponent with bias 15, ten of mantissa) → binary32 (eight, bias 127, 23). */
function widen(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // A subnormal of binary16 is a normal of binary32: its highest bit becomes the implicit one.
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | ((mantissa << (shift + 13)) & 0x7fffff);
}
