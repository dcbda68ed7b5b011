import sharp from 'sharp';
import { CairnError } from '../../errors.js';
import { decode, type DecodeLimits } from './decode.js';

/**
 * Encoded image bytes to what an ImageNet classifier is evaluated on: the shorter side is resized to
 * `size / cropPct` (bilinear, anti-aliased, as Pillow and torchvision do it) and the middle
 * `size` × `size` pixels are taken. With a `cropPct` of 1, an image of that size passes through untouched.
 *
 * @returns uint8 RGB, `[size, size, 3]`, C order.
 * @throws CairnError with one of the `image-…` codes, or `option-invalid` for a `cropPct` outside of 0.1 … 1.
 */
export async function centreCrop(
  bytes: Buffer,
  size: number,
  cropPct: number,
  limits?: Partial<DecodeLimits>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!(cropPct >= 0.1 && cropPct <= 1)) {
    throw new CairnError('option-invalid', `The share of the image to keep must be from 0.1 to 1, not ${cropPct}.`);
  }
  const { data, height, width } = await decode(bytes, limits);
  const shorter = Math.floor(size / cropPct);
  const longer = Math.floor((shorter * Math.max(height, width)) / Math.min(height, width));
  const [newHeight, newWidth] = height < width ? [shorter, longer] : [longer, shorter];
  let image = sharp(data, { raw: { height, width, channels: 3 }, limitInputPixels: false });
  if (newHeight !== height || newWidth !== width) {
    // `fill` keeps both sides as they are given.
    image = image.resize({
      height: newHeight,
      width: newWidth,
      fit: 'fill',
      kernel: 'linear',
      fastShrinkOnLoad: false,
    });
  }
  const top = Math.round((newHeight - size) / 2);
  const left = Math.round((newWidth - size) / 2);
  const cropped = await image.extract({ top, left, height: size, width: size }).raw().toBuffer();
  return new Uint8Array(cropped);
}
