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

/** A segment: its marker, its length and its bytes. */
function segment(marker: number, ...bytes: number[]): Buffer {
  return Buffer.from([0xff, marker, (bytes.length + 2) >> 8, (bytes.length + 2) & 0xff, ...bytes]);
}

/** Huffman table of one code, `0`. */
function oneCode(table: number, symbol: number): Buffer {
  return segment(0xc4, table, 1, ...new Array<number>(15).fill(0), symbol);
}

/** Scan of one coefficient of a grey image, from bit `high` (0: the first time) to bit `low`. */
function scanOf(coefficient: number, high: number, low: number, dataBytes: number): Buffer {
  const header = segment(0xda, 1, 1, 0, coefficient, coefficient, (high << 4) | low);
  return Buffer.concat([header, Buffer.alloc(dataBytes)]);
}

/**
 * A legal grey image of 4096 × 4096 pixels in 883 scans, each of which is a pass over all of its blocks: 60 kB that take
 * seconds to decode on any machine.
 */
export function slowJpeg(): Buffer {
  const side = 4096;
  const blocks = (side / 8) ** 2;
  const size = [side >> 8, side & 0xff];
  // A block of the first scan is a bit. Of the others, 15 bits stand for 16,384 blocks without a value.
  const endOfBlocks = 0xe0;
  const runBytes = ((blocks / 2 ** 14) * 15) / 8;
  const scans = [scanOf(0, 0, 0, blocks / 8)];
  for (let coefficient = 1; coefficient < 64; coefficient++) {
    for (let low = 13; low >= 0; low--) scans.push(scanOf(coefficient, low === 13 ? 0 : low + 1, low, runBytes));
  }
  return Buffer.concat([
    Buffer.of(0xff, 0xd8),
    segment(0xdb, 0, ...new Array<number>(64).fill(1)),
    segment(0xc2, 8, ...size, ...size, 1, 1, 0x11, 0),
    oneCode(0x00, 0),
    oneCode(0x10, endOfBlocks),
    ...scans,
    Buffer.of(0xff, 0xd9),
  ]);
}
