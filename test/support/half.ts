// In jest's realm each access to a global is slow, and these functions are called for every element.
const { abs, floor, log2, max, sign } = Math;

/** The number that the bits of an IEEE 754 binary16 stand for. */
export function decodeHalf(bits: number): number {
  const direction = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : direction * Infinity;
  return exponent === 0 ? direction * fraction * 2 ** -24 : direction * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The binary16 nearest to `value`, as a number; ties go to the even one. */
export function roundToHalf(value: number): number {
  if (value === 0) return 0;
  const exponent = max(-14, floor(log2(abs(value))));
  const unit = 2 ** (exponent - 10);
  const below = floor(value / unit);
  const rest = value / unit - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  const rounded = (up ? below + 1 : below) * unit;
  return abs(rounded) >= 65536 ? sign(rounded) * Infinity : rounded;
}
