import sharp from 'sharp';
import type { Pixels } from './decode.js';

/** Longest side of pixels that are encoded: that of a JPEG, which every image reader supports. */
export const MAX_PIXELS_SIDE = 65_535;

/** zlib's fastest: the file is read once, soon after. */
const COMPRESSION_LEVEL = 1;

/**
 * Decoded pixels as a lossless PNG file: `decode` returns the same pixels. Equal pixels give equal bytes with
 * one version of libvips. Sides are at most `MAX_PIXELS_SIDE`.
 */
export function encodePixels({ data, height, width }: Pixels): Promise<Buffer> {
  return sharp(data, { raw: { height, width, channels: 3 }, limitInputPixels: false })
    .png({ compressionLevel: COMPRESSION_LEVEL })
    .toBuffer();
}
