import sharp, { type Metadata } from 'sharp';
import { asCairnError, CairnError } from '../../errors.js';
import { formatOf } from './image-format.js';

/** Decoded pixels: uint8 RGB, `[height, width, 3]`, C order. */
export interface Pixels {
  readonly data: Buffer;
  readonly height: number;
  readonly width: number;
}

/** Most pixels an image may declare: 100 megapixels are 300 MB decoded. */
export const DEFAULT_MAX_PIXELS = 100_000_000;
export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'tiff', 'avif'] as const;

const LOADERS = [
  'VipsForeignLoadJpeg',
  'VipsForeignLoadPng',
  'VipsForeignLoadWebp',
  'VipsForeignLoadTiff',
  'VipsForeignLoadHeif',
];

/** libvips reads dozens of formats, some through old libraries: untrusted files get only these loaders. */
const configureOnce = (() => {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    sharp.block({ operation: ['VipsForeignLoad'] });
    sharp.unblock({ operation: LOADERS });
    // Every image is read once: a cache of decoded pixels would only hold memory.
    sharp.cache(false);
  };
})();

export interface ImageHeader {
  readonly format: string;
  /** As stored, before the EXIF orientation is applied. */
  readonly height: number;
  readonly width: number;
}

/**
 * Reads only an image's header, so that undecodable images are refused before they are queued.
 *
 * @throws CairnError `image-empty`, `image-unsupported` or `image-too-large`.
 */
export async function inspectImage(source: Buffer | string, maxPixels = DEFAULT_MAX_PIXELS): Promise<ImageHeader> {
  configureOnce();
  if (typeof source !== 'string' && source.byteLength === 0)
    throw new CairnError('image-empty', 'The image has no bytes.');
  let metadata: Metadata;
  try {
    metadata = await sharp(source, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw await unsupported(source, cause);
  }
  const { format, width, height, compression } = metadata;
  // libvips reads the header of HEIC, but the bundled decoder has no HEVC.
  if (format === 'heif' && compression === 'hevc') throw await unsupported(source);
  if (width * height > maxPixels) throw tooLarge(width, height, maxPixels);
  return { format, height, width };
}

/**
 * Decodes the first frame to 8-bit sRGB with the EXIF orientation applied and transparency laid
 * over black.
 *
 * @throws CairnError `image-empty`, `image-unsupported`, `image-too-large`, or `image-corrupt` for
 *   data that ends early or does not decode.
 */
export async function decode(bytes: Buffer, maxPixels = DEFAULT_MAX_PIXELS): Promise<Pixels> {
  await inspectImage(bytes, maxPixels);
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'warning', autoOrient: true })
      .flatten({ background: '#000' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels === 3) return { data, height: info.height, width: info.width };
    throw new Error(`${info.channels} channels after conversion to sRGB`);
  } catch (error) {
    throw asCairnError(error, 'image-corrupt');
  }
}

async function unsupported(source: Buffer | string, cause?: unknown): Promise<CairnError> {
  const kind = await formatOf(source).catch(() => undefined);
  const found = kind ? `: it is ${kind}` : '';
  const message = `This is not a readable ${IMAGE_FORMATS.join(', ')} image${found}.`;
  return new CairnError('image-unsupported', message, { cause });
}

function tooLarge(width: number, height: number, maxPixels: number): CairnError {
  const megapixels = (pixels: number) => `${Math.round(pixels / 1e6)} megapixels`;
  return new CairnError(
    'image-too-large',
    `The image declares ${width}×${height} pixels (${megapixels(width * height)}); the limit is ${megapixels(maxPixels)}.`,
  );
}
