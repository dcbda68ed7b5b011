/** `Float16Array` (Node 24 and later), missing from the types of Node 20. */
type Float16ArrayType = new (
  source: ArrayBuffer | ArrayLike<number>,
  byteOffset?: number,
  length?: number,
) => ArrayLike<number> & ArrayBufferView<ArrayBuffer>;

const Native = (globalThis as { Float16Array?: Float16ArrayType }).Float16Array;

/** float32 → IEEE 754 binary16, to nearest, ties to even; beyond its range, infinity. */
export const floatsToHalves: typeof portable.floatsToHalves = Native
  ? (floats) => new Uint16Array(new Native(floats).buffer)
  : (floats) => portable.floatsToHalves(floats);

/** binary16 → float32, without loss. */
export const halvesToFloats: typeof portable.halvesToFloats = Native
  ? ({ buffer, byteOffset, length }) => new Float32Array(new Native(buffer, byteOffset, length))
  : (halves) => portable.halvesToFloats(halves);

const INFINITY = 0x7c00;
const SIGN = 0x8000;
const LEAST_NORMAL = 0x38800000;
const REBIAS = 0x38000000;
const TWO_TO_16 = 0x47800000;
const FLOAT_INFINITY = 0x7f800000;
const NOT_A_NUMBER = 0x7e00;
const HALF = new Uint32Array(Float32Array.of(0.5).buffer)[0]!;

/** For runtimes without `Float16Array`. Whole arrays: one call per value would be ten times slower. */
export const portable = {
  floatsToHalves(floats: Float32Array): Uint16Array<ArrayBuffer> {
    const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
    const halves = new Uint16Array(floats.length);
    const sum = new Float32Array(1);
    const sumBits = new Uint32Array(sum.buffer);
    for (let i = 0; i < halves.length; i++) {
      const magnitude = bits[i]! & 0x7fffffff;
      let half: number;
      if (magnitude >= TWO_TO_16) {
        half = magnitude > FLOAT_INFINITY ? NOT_A_NUMBER : INFINITY;
      } else if (magnitude >= LEAST_NORMAL) {
        half = (magnitude - REBIAS + 0xfff + ((magnitude >> 13) & 1)) >> 13;
      } else {
        // Near 0.5 a float32 has a resolution of 2⁻²⁴, as subnormals of binary16 do: the addition rounds.
        sum[0] = Math.abs(floats[i]!) + 0.5;
        half = sumBits[0]! - HALF;
      }
      halves[i] = half | ((bits[i]! >>> 16) & SIGN);
    }
    return halves;
  },

  halvesToFloats(halves: Uint16Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    const bits = new Uint32Array(halves.length);
    for (let i = 0; i < bits.length; i++) bits[i] = widen(halves[i]!);
    return new Float32Array(bits.buffer);
  },
};

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
