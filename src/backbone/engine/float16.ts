/** Largest finite value of IEEE 754 binary16. */
export const FLOAT16_MAX = 65504;

const INFINITY = 0x7c00;
const SIGN = 0x8000;

/**
 * Replaces ±infinity by ±65504 in place and tells whether there was any. Called only when a level is
 * known to exceed the range, which normal features never do: no loop runs over them otherwise.
 */
export function clipInfinities(halves: Uint16Array): boolean {
  let found = false;
  for (let i = 0; i < halves.length; i++) {
    const bits = halves[i]!;
    if ((bits & ~SIGN) === INFINITY) {
      halves[i] = bits - 1;
      found = true;
    }
  }
  return found;
}

const LEAST_NORMAL = 0x38800000;
const REBIAS = 0x38000000;
const TWO_TO_16 = 0x47800000;
const FLOAT_INFINITY = 0x7f800000;
const NOT_A_NUMBER = 0x7e00;
const HALF = new Uint32Array(Float32Array.of(0.5).buffer)[0]!;

/**
 * float32 → binary16, to nearest, ties to even. For runtimes that have no such type: those that have
 * one convert by themselves. (Libraries convert a value a call, ten times slower.)
 */
export function floatsToHalves(floats: Float32Array): Uint16Array<ArrayBuffer> {
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
      // At 0.5 a float32 steps by 2⁻²⁴, as subnormals of binary16 do: the addition rounds.
      sum[0] = Math.abs(floats[i]!) + 0.5;
      half = sumBits[0]! - HALF;
    }
    halves[i] = half | ((bits[i]! >>> 16) & SIGN);
  }
  return halves;
}
