import sharp from 'sharp';
import type { Pixels } from './decode.js';

/** Longest side of pixels that are encoded: that of a JPEG, which every reader of images can have. */
export const MAX_PIXELS_SIDE = 65_535;

/** zlib's fastest: the file is read once, and soon. */
const COMPRESSION_LEVEL = 1;

/**
 * Decoded pixels as a PNG file, without loss: `decode` gives the same pixels back. The same pixels are always the
 * same bytes, as far as libvips is the same. Sides are at most `MAX_PIXELS_SIDE`.
 */
export function encodePixels({ data, height, width }: Pixels): Promise<Buffer> {
  return sharp(data, { raw: { height, width, channels: 3 }, limitInputPixels: false })
    .png({ compressionLevel: COMPRESSION_LEVEL })
    .toBuffer();
}
