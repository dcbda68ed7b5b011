import sharp from 'sharp';
import { JpegScanCounter } from '../../src/formats/jpeg-scans.js';

/** A progressive JPEG image of 64 × 64 pixels. */
export function progressiveJpeg(): Promise<Buffer> {
  const pixels = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251));
  return sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } })
    .jpeg({ progressive: true })
    .toBuffer();
}

/** The count that the counter comes to, with the bytes in pieces of `pieceBytes`. */
export function scansOf(bytes: Buffer, pieceBytes = bytes.length): { count: number } {
  const counter = new JpegScanCounter();
  for (let at = 0; at < bytes.length; at += pieceBytes) counter.add(bytes.subarray(at, at + pieceBytes));
  return counter;
}

/** The image with its last scan again and again, until it has `count` of them. */
export function withScans(image: Buffer, count: number): Buffer {
  const last = image.lastIndexOf(Buffer.of(0xff, 0xda));
  const scan = image.subarray(last, image.length - 2);
  const more = Array.from({ length: count - scansOf(image).count }, () => scan);
  return Buffer.concat([image.subarray(0, image.length - 2), ...more, image.subarray(image.length - 2)]);
}
