import type { Pixels } from './decode.js';

const SHORT = 3;
const LONG = 4;
const ENTRY_BYTES = 12;
const CHANNELS = 3;

/**
 * Decoded pixels as an uncompressed TIFF: `decode` gives the same pixels back. The same pixels are always the same bytes.
 * The file comes in two pieces, so that the pixels are not copied; the header is the first, so that it can be inspected
 * early. Sides are at most `MAX_PIXELS_SIDE`.
 */
export function encodePixels({ data, height, width }: Pixels): [header: Buffer, data: Buffer] {
  return [pixelsHeader(height, width), data];
}

/** The header of such a file, which `height` × `width` × 3 bytes follow. */
export function pixelsHeader(height: number, width: number): Buffer {
  const entries = (
    bits: number,
    pixels: number,
  ): readonly [tag: number, type: number, count: number, value: number][] => [
    [256, LONG, 1, width],
    [257, LONG, 1, height],
    // BitsPerSample: three shorts, which do not fit into an entry.
    [258, SHORT, CHANNELS, bits],
    // Compression: none.
    [259, SHORT, 1, 1],
    // PhotometricInterpretation: RGB.
    [262, SHORT, 1, 2],
    // One strip with all rows.
    [273, LONG, 1, pixels],
    [277, SHORT, 1, CHANNELS],
    [278, LONG, 1, height],
    [279, LONG, 1, height * width * CHANNELS],
    // PlanarConfiguration: the channels of a pixel lie together.
    [284, SHORT, 1, 1],
  ];
  const count = entries(0, 0).length;
  const directory = 8;
  const bits = directory + 2 + count * ENTRY_BYTES + 4;
  const pixels = bits + CHANNELS * 2;

  const header = Buffer.alloc(pixels);
  header.write('II');
  header.writeUInt16LE(42, 2);
  header.writeUInt32LE(directory, 4);
  header.writeUInt16LE(count, directory);
  for (const [i, [tag, type, length, value]] of entries(bits, pixels).entries()) {
    const at = directory + 2 + i * ENTRY_BYTES;
    header.writeUInt16LE(tag, at);
    header.writeUInt16LE(type, at + 2);
    header.writeUInt32LE(length, at + 4);
    header.writeUInt32LE(value, at + 8);
  }
  for (let channel = 0; channel < CHANNELS; channel++) header.writeUInt16LE(8, bits + channel * 2);
  return header;
}
