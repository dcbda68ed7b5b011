import sharp from 'sharp';

/**
 * libjpeg's flat quantisation table (number 1 of sharp): every frequency has the same step, about 16 · (100 − quality) / 50
 * from 50 upwards. Feature maps are not looked at: there is no frequency that matters less.
 */
const FLAT_TABLE = 1;

/** A grey image, `width` × `height` bytes in rows, as baseline JPEG. Both sides are at most 65,500, as libvips has it. */
export function encodeJpeg(pixels: Uint8Array, width: number, height: number, quality: number): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 1 }, limitInputPixels: false })
    .toColourspace('b-w')
    .jpeg({ quality, quantisationTable: FLAT_TABLE, optimiseCoding: false })
    .toBuffer();
}

/**
 * The pixels of a grey JPEG image.
 *
 * @throws Error when it is damaged, or not a grey image of this size.
 */
export async function decodeJpeg(bytes: Uint8Array, width: number, height: number): Promise<Buffer> {
  const { data, info } = await sharp(bytes, { limitInputPixels: width * height, failOn: 'warning' })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.width === width && info.height === height && info.channels === 1) return data;
  throw new Error(
    `a JPEG of ${info.width}×${info.height} with ${info.channels} channels, not ${width}×${height} with 1`,
  );
}
