import { CairnError } from '../../errors.js';
import { formatOf, shapeIn, type Level, type TensorFormat } from '../tensor.js';
import { clipInfinities, FLOAT16_MAX } from './float16.js';
import type { PlannedOutput } from './plan.js';

/** What a network told of one output, in float32: one value for the whole batch, or one per image. */
export interface OutputStatistics {
  /** Left out, as the others, where the network computes in integers and nothing can overflow. */
  readonly max?: Numbers | undefined;
  /** For signed outputs. */
  readonly min?: Numbers | undefined;
  readonly sum?: Numbers | undefined;
  /** For `uint8`; see `QuantizationParameters`. */
  readonly scales?: Numbers | undefined;
  readonly zeroPoints?: Numbers | undefined;
}

type Numbers = ArrayLike<number>;

/**
 * One output of a batch as one level per image: views of `bytes`, one image after the other.
 *
 * @throws CairnError `features-not-finite` when the statistics show NaN or infinity.
 */
export function finishOutput(
  { name, shape, stride }: PlannedOutput,
  format: TensorFormat,
  bytes: Uint8Array<ArrayBuffer>,
  batch: number,
  { max = [], min = [], sum = [], scales, zeroPoints }: OutputStatistics,
): Level[] {
  const peak = Math.max(0, ...Array.from(max), ...Array.from(min, (value) => -value));
  // The sum of large values may overflow; NaN in the sum means NaN in the level.
  if (!Number.isFinite(peak) || Array.from(sum).some(Number.isNaN)) {
    throw new CairnError('features-not-finite', `Level ${name} holds NaN or infinity; check the weights.`);
  }
  const length = bytes.byteLength / batch;
  const tensor = { ...formatOf(format), shape: shapeIn(format, shape) };
  return Array.from({ length: batch }, (_, image) => {
    const data = bytes.subarray(image * length, (image + 1) * length);
    const clipped = format.dtype === 'float16' && peak > FLOAT16_MAX && clipInfinities(asUint16(data));
    const quantization = scales && zeroPoints && { scale: of(scales, image), zeroPoint: of(zeroPoints, image) };
    return { name, stride, tensor: { ...tensor, data, ...(quantization && { quantization }) }, clipped };
  });
}

function of(values: Numbers, image: number): number {
  return values[values.length === 1 ? 0 : image]!;
}

function asUint16(bytes: Uint8Array<ArrayBuffer>): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / Uint16Array.BYTES_PER_ELEMENT);
}
