/** Largest finite value of IEEE 754 binary16. */
export const FLOAT16_MAX = 65504;

const INFINITY = 0x7c00;
const SIGN = 0x8000;

/**
 * Replaces ±infinity by ±65504 in place; true when there was any. Called only when a level is known to
 * exceed the range, which normal features never do: otherwise no loop runs over them.
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
