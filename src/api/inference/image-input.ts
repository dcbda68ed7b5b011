import { Readable } from 'node:stream';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { pixelsHeader } from '../../backbone/preprocess/encode-pixels.js';
import { CairnError } from '../../errors.js';
import type { Upload } from '../../images/image-source.js';
import type { ImageIntake, IntakeLimits } from '../../images/intake.js';
import type { ByteReader } from '../http/request-body.js';
import type { TensorJson } from './request-schema.js';

/** Name of the input of pixels: uint8 RGB `[N, H, W, 3]` or `[H, W, 3]`. */
const PIXELS_INPUT = 'image';
/** Name of the input of encoded images, as in uploads: `[N]` or `[N, 1]`. */
const FILES_INPUT = 'image_bytes';

/** Of each input; a length of -1 is any. */
export const INPUTS = [
  { name: PIXELS_INPUT, datatype: 'UINT8', shape: [-1, -1, -1, 3] },
  { name: FILES_INPUT, datatype: 'BYTES', shape: [-1] },
];

/** Per request. */
export const MAX_IMAGES = 64;
/** Lists of columns of channels, in a list of rows. */
const PIXELS_DEPTH = 3;
/** Some milliseconds of work. */
const VALUES_AT_ONCE = 1 << 16;
/** Before each element of binary BYTES. */
const LENGTH_BYTES = 4;

/** The input of a request. `binarySize` counts the bytes after the JSON; undefined: `data` is in the JSON. */
type ImageInput = {
  readonly count: number;
  readonly binarySize: number | undefined;
  readonly data: unknown;
} & ({ readonly kind: 'files' } | { readonly kind: 'pixels'; readonly height: number; readonly width: number });

/**
 * Checks the shape of the input against its type, its length and the limits, without reading the data.
 *
 * @throws CairnError `request-malformed`, `image-empty` or `image-too-large`.
 */
export function parseImageInput(inputs: readonly TensorJson[], limits: IntakeLimits): ImageInput {
  const [input, other] = inputs as [TensorJson, TensorJson?];
  if (other) {
    throw malformed(`A request has one input, ${PIXELS_INPUT} or ${FILES_INPUT}, not ${inputs.length}.`);
  }
  const { name, datatype, shape, data, parameters } = input;
  const known = INPUTS.find((entry) => entry.name === name)?.datatype;
  if (known === undefined) {
    throw malformed(`There is no input "${name}"; known: ${PIXELS_INPUT} and ${FILES_INPUT}.`);
  }
  if (datatype !== known) throw malformed(`${name} is ${known}, not "${datatype}".`);
  const binarySize = parameters.binary_data_size;
  if ((binarySize === undefined) === (data === undefined)) {
    throw malformed(`${name} needs either data or the parameter binary_data_size, and not both.`);
  }
  const checked = name === PIXELS_INPUT ? pixelsShape(shape, limits) : filesShape(shape);
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

function pixelsShape(shape: readonly number[], { maxPixels, maxSide }: IntakeLimits) {
  type Shape = [number, number, number, number];
  const [count, height, width, channels] = (shape.length === 3 ? [1, ...shape] : shape) as Shape;
  if (channels !== 3) throw malformed(`${PIXELS_INPUT} is [N, H, W, 3] or [H, W, 3], not [${shape.join(', ')}].`);
  if (height === 0 || width === 0) throw new CairnError('image-empty', `${PIXELS_INPUT} holds no pixel.`);
  if (height * width > maxPixels || Math.max(height, width) > maxSide) {
    const limit = `${maxPixels} pixels and sides of ${maxSide}`;
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

/**
 * Keeps the images of a request in the store. Binary data go there as they arrive; those of JSON are in memory already.
 * Pixels become uncompressed TIFF files, so that their jobs are like all others.
 *
 * @throws CairnError `request-malformed`, `upload-too-large`, `busy`, or of the intake.
 */
export async function keepImages(input: ImageInput, body: ByteReader, intake: ImageIntake): Promise<Upload[]> {
  const uploads: Upload[] = [];
  if (input.kind === 'files') {
    for await (const file of files(input, body, intake.limits.maxUploadBytes)) {
      uploads.push(await keep(file, intake));
    }
  } else {
    const { height, width } = input;
    const header = pixelsHeader(height, width);
    // The limit of uploads is for compressed files; pixels were counted before.
    const bytes = header.byteLength + height * width * 3;
    for await (const data of pixels(input, body)) {
      uploads.push(await keep(joined(header, data), intake, bytes));
    }
  }
  await body.end();
  return uploads;
}

/** Keeps the one file that is the whole body. @throws CairnError as `keepImages`. */
export async function keepWhole(body: ByteReader, intake: ImageIntake): Promise<Upload[]> {
  return [await keep(body.streamAll(), intake)];
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

async function keep(chunks: Chunks, intake: ImageIntake, maxBytes?: number): Promise<Upload> {
  const file = Readable.from(chunks, { highWaterMark: 1 });
  // The intake receives errors; once it has refused the file they must not end the process.
  file.on('error', () => undefined);
  try {
    return (await intake.upload(file, maxBytes)).source;
  } finally {
    file.destroy();
  }
}

async function* joined(header: Buffer, data: Chunks): AsyncGenerator<Uint8Array> {
  yield header;
  yield* data;
}

/** The data of one image after the other; those of one have to be read before the next are asked for. */
async function* pixels(input: ImageInput & { kind: 'pixels' }, body: ByteReader): AsyncGenerator<Chunks> {
  const { count, height, width, binarySize, data } = input;
  const bytes = height * width * 3;
  if (binarySize !== undefined) {
    for (let i = 0; i < count; i++) yield body.stream(bytes, `image ${i + 1} of ${count}`);
    return;
  }
  const all = await bytesOf(data, count * bytes);
  for (let i = 0; i < count; i++) yield [all.subarray(i * bytes, (i + 1) * bytes)];
}

/** As `pixels`, for files. */
async function* files(input: ImageInput, body: ByteReader, maxBytes: number): AsyncGenerator<Chunks> {
  const { count, binarySize, data } = input;
  if (binarySize === undefined) {
    const texts = flatten(data, 1);
    if (texts.length !== count) throw malformed(`data of that shape has ${count} elements, not ${texts.length}.`);
    for (const text of texts) yield [fromBase64(text)];
    return;
  }
  let left = binarySize;
  for (let i = 0; i < count; i++) {
    const what = `element ${i + 1} of ${count}`;
    if (left < LENGTH_BYTES) throw malformed(`The binary data ends before ${what}.`);
    const length = (await body.take(LENGTH_BYTES, what)).readUInt32LE();
    left -= LENGTH_BYTES + length;
    if (left < 0) throw malformed(`${what} says that it has ${length} bytes, ${-left} more than there are.`);
    if (length > maxBytes) {
      throw new CairnError('upload-too-large', `${what} has ${length} bytes; the limit is ${maxBytes}.`);
    }
    yield body.stream(length, what);
  }
  if (left > 0) throw malformed(`The binary data has ${left} bytes more than its ${count} elements.`);
}

/** JSON has no bytes, so images are base64. */
function fromBase64(text: unknown): Buffer {
  if (typeof text === 'string') {
    const bytes = Buffer.from(text, 'base64');
    const bare = (base64: string) => base64.replace(/[\r\n=]/g, '');
    // Node skips characters that are not base64: valid text survives the round trip.
    if (bare(bytes.toString('base64')) === bare(text)) return bytes;
  }
  throw malformed('data of BYTES are images in base64.');
}

/** The protocol allows flat data and data nested as the shape is. */
function flatten(data: unknown, depth: number): unknown[] {
  if (Array.isArray(data)) return data.flat(depth) as unknown[];
  throw malformed('data must be a list.');
}

/**
 * The bytes that lists of numbers hold, as deep as an image. Other requests have their turns meanwhile.
 *
 * @throws CairnError `request-malformed` for other values, and unless there are `expected`.
 */
async function bytesOf(data: unknown, expected: number): Promise<Buffer> {
  if (!Array.isArray(data)) throw malformed('data must be a list.');
  let count = 0;
  let valid = true;
  for (const value of leaves(data, PIXELS_DEPTH)) {
    valid &&= isByte(value);
    if (++count % VALUES_AT_ONCE === 0) await yieldToEvents();
  }
  if (count !== expected) throw malformed(`data of that shape has ${expected} values, not ${count}.`);
  if (!valid) throw malformed('data of UINT8 are whole numbers from 0 to 255.');
  // A shape may promise far more than was sent, so nothing is allocated before.
  const bytes = Buffer.alloc(count);
  count = 0;
  for (const value of leaves(data, PIXELS_DEPTH)) {
    bytes[count] = value as number;
    if (++count % VALUES_AT_ONCE === 0) await yieldToEvents();
  }
  return bytes;
}

/** What lists contain that are no lists, or lie deeper than `depth` lists. */
function* leaves(list: readonly unknown[], depth: number): Generator<unknown, void, undefined> {
  for (const value of list) {
    if (depth > 0 && Array.isArray(value)) yield* leaves(value, depth - 1);
    else yield value;
  }
}

function isByte(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
}
