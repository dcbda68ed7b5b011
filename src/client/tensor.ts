import type { Quantization } from './resources.js';

/** Element types of tensors that a server sends. */
export type TensorDtype = 'float32' | 'float16' | 'uint8';

/** Bytes of an element. */
export const ELEMENT_BYTES: Readonly<Record<TensorDtype, number>> = { float32: 4, float16: 2, uint8: 1 };

/** A level, or a part of one, as it was sent. */
export class Tensor {
  private decoded: Float32Array<ArrayBuffer> | undefined;

  constructor(
    /** Name of the level; `regions` and `levels` for regions. */
    readonly name: string,
    /** Element type of `bytes`. */
    readonly dtype: TensorDtype,
    /** `[height, width, channels]`, or `[channels, height, width]` where the layout is `nchw`. */
    readonly shape: readonly number[],
    /** The elements in row-major order, little-endian. */
    readonly bytes: Uint8Array<ArrayBuffer>,
    /** Of levels in 8-bit integers. */
    readonly quantization?: Quantization,
  ) {}

  /**
   * The elements as float32: `float16` is widened; integers with a scale and a zero point are decoded, others are counts. The
   * array is made once; that of `float32` shares the memory of `bytes`.
   */
  get values(): Float32Array<ArrayBuffer> {
    return (this.decoded ??= this.decode());
  }

  private decode(): Float32Array<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = this.bytes;
    switch (this.dtype) {
      case 'float32':
        return new Float32Array(buffer, byteOffset, byteLength / ELEMENT_BYTES.float32);
      case 'float16':
        return halvesToFloats(new Uint16Array(buffer, byteOffset, byteLength / ELEMENT_BYTES.float16));
      case 'uint8':
        return integersToFloats(this.bytes, this.quantization);
    }
  }
}

function halvesToFloats(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(halves.length);
  // Every value once: a table costs less than the arithmetic as soon as there are more elements than entries.
  const table =
    halves.length > HALVES ? Float32Array.from({ length: HALVES }, (_, bits) => halfToFloat(bits)) : undefined;
  for (let i = 0; i < halves.length; i++) floats[i] = table ? table[halves[i]!]! : halfToFloat(halves[i]!);
  return floats;
}

const HALVES = 1 << 16;

/** IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
function halfToFloat(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const magnitude =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction === 0
          ? Infinity
          : NaN
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

function integersToFloats(integers: Uint8Array, quantization: Quantization | undefined): Float32Array<ArrayBuffer> {
  const { scale, zeroPoint } = quantization ?? { scale: 1, zeroPoint: 0 };
  const floats = new Float32Array(integers.length);
  for (let i = 0; i < integers.length; i++) floats[i] = scale * (integers[i]! - zeroPoint);
  return floats;
}
