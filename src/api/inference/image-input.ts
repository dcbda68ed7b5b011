import { MAX_PIXELS_SIDE } from '../../backbone/preprocess/encode-pixels.js';
import { CairnError } from '../../errors.js';
import type { IntakeLimits } from '../../images/intake.js';
import type { TensorJson } from './request-schema.js';

/** Name of the input of pixels: uint8 RGB `[N, H, W, 3]` or `[H, W, 3]`. */
export const PIXELS_INPUT = 'image';
/** Name of the input of encoded images, as in uploads: `[N]` or `[N, 1]`. */
export const FILES_INPUT = 'image_bytes';

export const INPUT_DATATYPES: ReadonlyMap<string, string> = new Map([
  [PIXELS_INPUT, 'UINT8'],
  [FILES_INPUT, 'BYTES'],
]);

/** Per request. */
export const MAX_IMAGES = 64;

/** The input of a request. `binarySize` counts the bytes after the JSON; undefined: `data` is in the JSON. */
export type ImageInput = {
  readonly count: number;
  readonly binarySize: number | undefined;
  readonly data: unknown;
} & ({ readonly kind: 'files' } | { readonly kind: 'pixels'; readonly height: number; readonly width: number });

/**
 * Checks the shape of the input against its type, its length and the limits, without reading the data.
 *
 * @throws CairnError `request-malformed`, `image-empty` or `image-too-large`.
 */
export function parseImageInput(inputs: readonly TensorJson[], { maxPixels }: IntakeLimits): ImageInput {
  const [input, other] = inputs as [TensorJson, TensorJson?];
  if (other) {
    throw malformed(`A request has one input, ${PIXELS_INPUT} or ${FILES_INPUT}, not ${inputs.length}.`);
  }
  const { name, datatype, shape, data, parameters } = input;
  const known = INPUT_DATATYPES.get(name);
  if (known === undefined) {
    throw malformed(`There is no input "${name}"; known are ${[...INPUT_DATATYPES.keys()].join(' and ')}.`);
  }
  if (datatype !== known) throw malformed(`${name} is ${known}, not "${datatype}".`);
  const binarySize = parameters.binary_data_size;
  if ((binarySize === undefined) === (data === undefined)) {
    throw malformed(`${name} needs either data or the parameter binary_data_size, and not both.`);
  }
  const checked = name === PIXELS_INPUT ? pixelsShape(shape, maxPixels) : filesShape(shape);
  if (checked.count === 0) throw new CairnError('image-empty', `${name} holds no image.`);
  if (checked.count > MAX_IMAGES) {
    throw malformed(`A request takes at most ${MAX_IMAGES} images; ${name} has ${checked.count}.`);
  }
  if (checked.kind === 'pixels' && binarySize !== undefined) {
    const bytes = checked.count * checked.height * checked.width * 3;
    if (binarySize !== bytes) throw malformed(`${name} of that shape has ${bytes} bytes, not ${binarySize}.`);
  }
  return { ...checked, binarySize, data };
}

function pixelsShape(shape: readonly number[], maxPixels: number) {
  type Shape = [number, number, number, number];
  const [count, height, width, channels] = (shape.length === 3 ? [1, ...shape] : shape) as Shape;
  if (channels !== 3) throw malformed(`${PIXELS_INPUT} is [N, H, W, 3] or [H, W, 3], not [${shape.join(', ')}].`);
  if (height === 0 || width === 0) throw new CairnError('image-empty', `${PIXELS_INPUT} holds no pixel.`);
  if (height * width > maxPixels || Math.max(height, width) > MAX_PIXELS_SIDE) {
    const limit = `${maxPixels} pixels and sides of ${MAX_PIXELS_SIDE}`;
    throw new CairnError('image-too-large', `An image has ${height}×${width} pixels; the limit is ${limit}.`);
  }
  return { kind: 'pixels', count, height, width } as const;
}

function filesShape(shape: readonly number[]) {
  const [count, one = 1] = shape as [number, number?];
  if (shape.length <= 2 && one === 1) return { kind: 'files', count } as const;
  throw malformed(`${FILES_INPUT} is [N] or [N, 1], not [${shape.join(', ')}].`);
}

/** A request that cannot be read as the protocol says. */
export function malformed(message: string): CairnError {
  return new CairnError('request-malformed', message);
}
