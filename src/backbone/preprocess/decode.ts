import sharp, { type Metadata } from 'sharp';
import { asCairnError, CairnError } from '../../errors.js';
import { JpegScanCounter } from '../../formats/jpeg-scans.js';
import { formatOf } from './image-format.js';

/** Decoded pixels: uint8 RGB, `[height, width, 3]`, C order. */
export interface Pixels {
  readonly data: Buffer;
  readonly height: number;
  readonly width: number;
}

/** What an image may take to decode. */
export interface DecodeLimits {
  /** Most pixels that its header may declare: 100 megapixels are 300 MB decoded. */
  readonly maxPixels: number;
  /** Most pixels on one side: libvips needs memory for whole rows, and tens of times as much for very long ones. */
  readonly maxSide: number;
  /** Most scans of a JPEG image: each costs a pass over the whole image, however few bytes it has. */
  readonly maxScans: number;
}

/** Longest side of any image: that of JPEG, and what readers of other formats support. */
export const MAX_PIXELS_SIDE = 65_535;

export const DEFAULT_DECODE_LIMITS: DecodeLimits = {
  maxPixels: 100_000_000,
  maxSide: MAX_PIXELS_SIDE,
  maxScans: 100,
};
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
export async function inspectImage(source: Buffer | string, limits: Partial<DecodeLimits> = {}): Promise<ImageHeader> {
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
  refuseLarge(width, height, { ...DEFAULT_DECODE_LIMITS, ...limits });
  return { format, height, width };
}

/**
 * Decodes the first frame to 8-bit sRGB with the EXIF orientation applied and transparency laid
 * over black.
 *
 * @throws CairnError `image-empty`, `image-unsupported` (also for too many scans), `image-too-large`, or `image-corrupt`
 *   for data that ends early or does not decode.
 */
export async function decode(bytes: Buffer, limits: Partial<DecodeLimits> = {}): Promise<Pixels> {
  const { maxPixels, maxScans } = { ...DEFAULT_DECODE_LIMITS, ...limits };
  await inspectImage(bytes, limits);
  refuseScans(bytes, new JpegScanCounter(), maxScans);
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

/**
 * Counts the scans in the next bytes of an image.
 *
 * @throws CairnError `image-unsupported` when there are more than `maxScans` of them.
 */
export function refuseScans(bytes: Uint8Array, counter: JpegScanCounter, maxScans: number): void {
  counter.add(bytes);
  if (counter.count <= maxScans) return;
  throw new CairnError('image-unsupported', `The JPEG image has more than ${maxScans} scans, which is the limit.`);
}

function refuseLarge(width: number, height: number, { maxPixels, maxSide }: DecodeLimits): void {
  const megapixels = (pixels: number) => `${Math.round(pixels / 1e6)} megapixels`;
  const declared = `The image declares ${width}×${height} pixels`;
  if (width * height > maxPixels) {
    const message = `${declared} (${megapixels(width * height)}); the limit is ${megapixels(maxPixels)}.`;
    throw new CairnError('image-too-large', message);
  }
  if (Math.max(width, height) > maxSide) {
    throw new CairnError('image-too-large', `${declared}; the limit of each side is ${maxSide}.`);
  }
}
