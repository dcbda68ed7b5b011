import { LARGEST_UINT8 } from '../backbone/quantization.js';
import type { Dtype } from '../backbone/tensor.js';
import { floatsToHalves } from '../formats/float16.js';
import { toFloat32 } from '../formats/floats.js';
import type { LevelDescription } from './feature-set.js';

/** Types in which levels can be sent, whatever type they are stored in. */
export const SENT_DTYPES = ['float16', 'float32'] as const satisfies readonly Dtype[];
export type SentDtype = (typeof SENT_DTYPES)[number];

/** A level in another type; the same object where it is stored in that type, or none is given. */
export function levelAs(level: LevelDescription, dtype: SentDtype | undefined): LevelDescription {
  return dtype === undefined || dtype === level.dtype ? level : { ...level, dtype, quantization: undefined };
}

/** Elements of a level, little endian. */
export type Elements = Uint8Array;
type Floats = Float32Array<ArrayBuffer>;
type Halves = Uint16Array<ArrayBuffer>;

/**
 * Converts elements of a level, any part of it, to the values that they stand for in `dtype`. Values beyond ±65504 are
 * clipped to float16's range, as they are when a level is stored in it.
 */
export function converter(level: LevelDescription, dtype: SentDtype): (elements: Elements) => Elements {
  const { dtype: stored, quantization } = level;
  const pack = (floats: Floats) => (dtype === 'float16' ? clippedHalves(floats) : floats);
  if (stored !== 'uint8') {
    // A copy is aligned.
    return (elements) => bytesOf(pack(toFloat32(new Uint8Array(elements), stored)));
  }
  // An integer stands for one of 256 values, so each is computed once.
  const { scale, zeroPoint } = quantization!;
  const table = pack(Float32Array.from({ length: LARGEST_UINT8 + 1 }, (_, q) => scale * (q - zeroPoint)));
  return (integers) => {
    const values = dtype === 'float16' ? new Uint16Array(integers.length) : new Float32Array(integers.length);
    for (let i = 0; i < values.length; i++) values[i] = table[integers[i]!]!;
    return bytesOf(values);
  };
}

const SIGN = 0x8000;
const INFINITY = 0x7c00;

/** float32 → float16. The largest finite half precedes infinity. */
function clippedHalves(floats: Floats): Halves {
  const halves = floatsToHalves(floats);
  for (let i = 0; i < halves.length; i++) if ((halves[i]! & ~SIGN) === INFINITY) halves[i]!--;
  return halves;
}

function bytesOf({ buffer, byteOffset, byteLength }: Floats | Halves): Elements {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
