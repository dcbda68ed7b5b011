import sharp from 'sharp';
import { decode, type DecodeLimits, type Pixels } from './decode.js';
import { placeOnSquare, type Placement } from './matterport-geometry.js';

/** An image prepared for a session. */
export interface Canvas {
  /** uint8 RGB, `[size, size, 3]`, C order; padding is 0. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly size: number;
  /** Height, width and channels of the image as decoded and oriented. */
  readonly originalShape: readonly [number, number, 3];
  readonly window: Placement['window'];
  readonly scale: number;
}

/**
 * Encoded image bytes to a canvas, as Matterport's `resize_image` does: bilinear without
 * anti-aliasing, zeros around. An image of `size` × `size` pixels passes through untouched.
 *
 * @throws CairnError with one of the `image-…` codes.
 */
export async function preprocess(bytes: Buffer, size: number, limits?: Partial<DecodeLimits>): Promise<Canvas> {
  const image = await decode(bytes, limits);
  const placement = placeOnSquare(image.height, image.width, size);
  const resized = await resizeBilinear(image, placement.height, placement.width);
  return {
    pixels: pad(resized, placement, size),
    size,
    originalShape: [image.height, image.width, 3],
    window: placement.window,
    scale: placement.scale,
  };
}

/**
 * skimage's `resize` of order 1, mode `constant`, no anti-aliasing: output pixel centres are mapped
 * back to input coordinates and sampled bilinearly, with zeros outside the image. libvips' affine
 * transform with half-pixel offsets is that mapping.
 */
async function resizeBilinear(image: Pixels, height: number, width: number): Promise<Pixels> {
  if (image.height === height && image.width === width) return image;
  const raw = { width: image.width, height: image.height, channels: 3 } as const;
  const { data, info } = await sharp(image.data, { raw, limitInputPixels: false })
    .affine([width / image.width, 0, 0, height / image.height], {
      interpolator: sharp.interpolators.bilinear,
      background: '#000',
      idx: 0.5,
      idy: 0.5,
      odx: -0.5,
      ody: -0.5,
    })
    .raw()
    .toBuffer({ resolveWithObject: true });
  // Only enlarging samples beyond the outermost pixel centres.
  if (height > image.height || width > image.width) clampToDarkest(data, image.data);
  if (info.height !== height || info.width !== width) {
    throw new Error(`libvips made ${info.width}×${info.height} pixels of an image that should be ${width}×${height}`);
  }
  return { data, height, width };
}

/**
 * skimage clips the resized image to the range of its input, so that the zeros outside do not darken the
 * border below the image's darkest value. The loops are short: an enlarged image is smaller than the canvas,
 * and most photos contain a zero, which ends the search.
 */
function clampToDarkest(resized: Buffer, original: Buffer): void {
  if (original.includes(0)) return;
  const darkest = original.reduce((least, value) => Math.min(least, value), 255);
  for (let i = 0; i < resized.length; i++) if (resized[i]! < darkest) resized[i] = darkest;
}

function pad(image: Pixels, placement: Placement, size: number): Uint8Array<ArrayBuffer> {
  const [top, left] = placement.window;
  const canvas = new Uint8Array(size * size * 3);
  const rowBytes = image.width * 3;
  for (let row = 0; row < image.height; row++) {
    const from = row * rowBytes;
    canvas.set(image.data.subarray(from, from + rowBytes), ((top + row) * size + left) * 3);
  }
  return canvas;
}

/** Writes a canvas as a PNG file. */
export async function encodeCanvas({ pixels, size }: Canvas, path: string): Promise<void> {
  await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toFile(path);
}
