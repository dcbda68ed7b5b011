import sharp from 'sharp';
import { asCairnError } from '../../errors.js';
import type { Pixels } from './decode.js';

/** Decoders of PNG refuse longer sides than some hundred thousand; JPEG's limit is known to everybody. */
export const MAX_PIXELS_SIDE = 65_535;

/** zlib's fastest: the file is read once, and soon. */
const COMPRESSION_LEVEL = 1;

/**
 * Decoded pixels as a PNG file, without loss: `decode` gives the same pixels back. The same pixels are always the
 * same bytes, as far as libvips is the same.
 *
 * @throws CairnError `image-too-large` when libvips will not have a side as long as this.
 */
export async function encodePixels({ data, height, width }: Pixels): Promise<Buffer> {
  try {
    return await sharp(data, { raw: { height, width, channels: 3 }, limitInputPixels: false })
      .png({ compressionLevel: COMPRESSION_LEVEL })
      .toBuffer();
  } catch (error) {
    throw asCairnError(error, 'image-too-large');
  }
}
