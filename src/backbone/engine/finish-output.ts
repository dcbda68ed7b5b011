import { CairnError } from '../../errors.js';
import { formatOf, shapeIn, type Level, type TensorFormat } from '../tensor.js';
import { clipInfinities, FLOAT16_MAX } from './float16.js';
import type { PlannedOutput } from './plan.js';

/** Statistics of one output over a whole batch, in float32. */
export interface OutputStatistics {
  readonly max: number;
  /** For signed outputs. */
  readonly min?: number | undefined;
  readonly sum: number;
}

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
  { max, min = 0, sum }: OutputStatistics,
): Level[] {
  const peak = Math.max(max, -min);
  // The sum of large values may overflow; NaN in the sum means NaN in the level.
  if (!Number.isFinite(peak) || Number.isNaN(sum)) {
    throw new CairnError('features-not-finite', `Level ${name} holds NaN or infinity; check the weights.`);
  }
  const length = bytes.byteLength / batch;
  const tensor = { ...formatOf(format), shape: shapeIn(format, shape) };
  return Array.from({ length: batch }, (_, image) => {
    const data = bytes.subarray(image * length, (image + 1) * length);
    const clipped = format.dtype === 'float16' && peak > FLOAT16_MAX && clipInfinities(asUint16(data));
    return { name, stride, tensor: { ...tensor, data }, clipped };
  });
}

function asUint16(bytes: Uint8Array<ArrayBuffer>): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / Uint16Array.BYTES_PER_ELEMENT);
}
