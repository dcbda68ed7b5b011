import { Readable } from 'node:stream';
import { encodePixels } from '../../backbone/preprocess/encode-pixels.js';
import { CairnError } from '../../errors.js';
import type { Upload } from '../../images/image-source.js';
import type { ImageIntake } from '../../images/intake.js';
import type { ByteReader } from '../http/byte-reader.js';
import { malformed, type ImageInput } from './image-input.js';

const LENGTH_BYTES = 4;

/**
 * Keeps the images of a request in the store, one at a time in memory. Pixels become uncompressed TIFF files, so that
 * their jobs are like all others.
 *
 * @throws CairnError `request-malformed`, `upload-too-large`, or of the intake.
 */
export async function keepImages(input: ImageInput, body: ByteReader, intake: ImageIntake): Promise<Upload[]> {
  const uploads: Upload[] = [];
  if (input.kind === 'files') {
    for await (const file of files(input, body, intake.limits.maxUploadBytes)) {
      uploads.push((await intake.upload(Readable.from([file]))).source);
    }
  } else {
    const { height, width } = input;
    for await (const data of pixels(input, body)) {
      const file = encodePixels({ data, height, width });
      // The limit of uploads is for compressed files; pixels were counted before.
      const bytes = file.reduce((total, piece) => total + piece.byteLength, 0);
      uploads.push((await intake.upload(Readable.from(file), bytes)).source);
    }
  }
  await body.end();
  return uploads;
}

/** Keeps the one file that is the whole body. @throws CairnError as `keepImages`. */
export async function keepWhole(body: ByteReader, intake: ImageIntake): Promise<Upload[]> {
  const file = await body.all(intake.limits.maxUploadBytes, 'The image');
  return [(await intake.upload(Readable.from([file]))).source];
}

async function* pixels(input: ImageInput & { kind: 'pixels' }, body: ByteReader): AsyncGenerator<Buffer> {
  const { count, height, width, binarySize, data } = input;
  const bytes = height * width * 3;
  if (binarySize !== undefined) {
    for (let i = 0; i < count; i++) yield await body.take(bytes, `image ${i + 1} of ${count}`);
    return;
  }
  const values = flatten(data, 3);
  if (values.length !== count * bytes) {
    throw malformed(`data of that shape has ${count * bytes} values, not ${values.length}.`);
  }
  if (!values.every(isByte)) throw malformed('data of UINT8 are whole numbers from 0 to 255.');
  for (let i = 0; i < count; i++) yield Buffer.from(values.slice(i * bytes, (i + 1) * bytes));
}

async function* files(input: ImageInput, body: ByteReader, maxBytes: number): AsyncGenerator<Buffer> {
  const { count, binarySize, data } = input;
  if (binarySize === undefined) {
    const texts = flatten(data, 1);
    if (texts.length !== count) throw malformed(`data of that shape has ${count} elements, not ${texts.length}.`);
    for (const text of texts) yield fromBase64(text);
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
    yield await body.take(length, what);
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

function isByte(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
}
