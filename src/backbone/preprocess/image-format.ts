import { open } from 'node:fs/promises';

const HEAD_BYTES = 512;

/** Signatures of formats that clients send, with the phrase that names each in a message. */
const SIGNATURES: readonly (readonly [name: string, test: RegExp])[] = [
  ['a JPEG image that is damaged', /^\xff\xd8\xff/],
  ['a PNG image that is damaged', /^\x89PNG\r\n/],
  ['a WebP image that is damaged', /^RIFF[^]{4}WEBP/],
  ['a TIFF image that is damaged or of an unsupported kind', /^(?:II[*+]\0|MM\0[*+])/],
  ['an AVIF image that is damaged', /^[^]{4}ftyp(?:avif|avis)/],
  ['a HEIC image', /^[^]{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)/],
  ['a GIF image', /^GIF8[79]a/],
  ['a BMP image', /^BM[^]{4}\0\0\0\0/],
  ['a JPEG 2000 image', /^(?:\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/],
  ['a JPEG XL image', /^(?:\xff\x0a|\0\0\0\x0cJXL )/],
  ['a Photoshop file', /^8BPS/],
  ['an MP4 or QuickTime video', /^[^]{4}ftyp/],
  ['a PDF document', /^%PDF-/],
  ['an SVG drawing', /^\s*(?:<\?xml[^]*)?<svg/],
  ['a web page', /^\s*<(?:!doctype html|html)/i],
  ['a JSON document', /^\s*[[{]\s*["[{\]}\d]/],
];

/** Names the format of a file that cannot be read as an image, by its first bytes; undefined when unknown. */
export async function formatOf(source: Buffer | string): Promise<string | undefined> {
  const head = (typeof source === 'string' ? await headOf(source) : source.subarray(0, HEAD_BYTES)).toString('latin1');
  return SIGNATURES.find(([, test]) => test.test(head))?.[0];
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
