import { z } from 'zod';
import { sha256Schema } from '../formats/sha256.js';
import { LARGEST_UINT8 } from '../backbone/quantization.js';
import {
  axesOf,
  DTYPES,
  formatOf,
  LAYOUTS,
  NHWC,
  PRECISIONS,
  shapeIn,
  type Codec,
  type Layout,
  type Level,
} from '../backbone/tensor.js';

const quantizationSchema = z
  .object({ scale: z.number().positive(), zeroPoint: z.int().min(0).max(LARGEST_UINT8) })
  .meta({
    id: 'Quantization',
    description: 'An integer q stands for scale × (q − zeroPoint); scale is a float32. Only levels of uint8 have it.',
  });

const lossSchema = z.object({ snrDb: z.number().nullable(), maxAbs: z.number() }).meta({
  id: 'Loss',
  description:
    'Signal-to-noise ratio in dB (null where nothing was lost), and the largest error over the largest magnitude.',
});

const levelSchema = z
  .object({
    name: z.string().regex(/^[CP][1-6]$/),
    /** `[height, width, channels]`, or `[channels, height, width]` where the layout is `nchw`. */
    shape: z.tuple([z.int().positive(), z.int().positive(), z.int().positive()]),
    dtype: z.enum(DTYPES),
    /** Archives of version 0.1 lack it. */
    layout: z.enum(LAYOUTS).default('nhwc'),
    stride: z.int().positive(),
    channels: z.int().positive(),
    /** Present where the dtype is `uint8`. */
    quantization: quantizationSchema.optional(),
    /** Absent where it is zstd. */
    codec: z.literal('jpeg').optional(),
    /** That of the JPEG images. */
    quality: z.int().min(1).max(100).optional(),
  })
  .refine(({ dtype, quantization }) => (dtype === 'uint8') === (quantization !== undefined), {
    path: ['quantization'],
    message: 'belongs to uint8, and uint8 needs it',
  })
  .refine(
    ({ codec, dtype, quality }) => (codec === 'jpeg') === (quality !== undefined) && (!codec || dtype === 'uint8'),
    {
      path: ['codec'],
      message: 'jpeg needs a quality, and levels of uint8',
    },
  );
/** A level as it is stored. */
export type LevelDescription = z.infer<typeof levelSchema>;

/** How a feature set was made: the group attributes of an archive, and the API's description of it. */
export const descriptionSchema = z.object({
  id: sha256Schema,
  model: z.string(),
  family: z.string(),
  architecture: z.string(),
  stage5: z.boolean(),
  /** `seeded`, `seeded:N` (both untrained), or the name of a weights file. */
  weights: z.string(),
  weightsDigest: z.string(),
  /** SHA-256 over the ranges by which the network or its levels were quantised. */
  calibrationDigest: sha256Schema.optional(),
  engine: z.string(),
  device: z.string(),
  /** Element type in which the network computed. */
  precision: z.enum(PRECISIONS).default('float32'),
  imageSha256: z.string(),
  /** `[height, width, 3]` of the image as decoded, EXIF orientation applied. */
  originalShape: z.tuple([z.int(), z.int(), z.int()]),
  /** Side of the square canvas in pixels. */
  size: z.int().positive(),
  /** `[y0, x0, y1, x1]` of the image on the canvas. */
  window: z.tuple([z.int(), z.int(), z.int(), z.int()]),
  /** Canvas pixels per image pixel. */
  scale: z.number().positive(),
  levels: z.array(levelSchema).min(1).max(11),
  /** What JPEG lost of the integers, by level, measured on a sample of its blocks. */
  loss: z.record(z.string(), lossSchema).optional(),
  /** Names of levels in which a value was clipped to the range of float16. */
  clipped: z.array(z.string()),
  softwareVersion: z.string(),
  createdAt: z.iso.datetime(),
});
/** How a feature set was made. */
export type Description = z.infer<typeof descriptionSchema>;

/** The levels of one image, and how they were made. */
export interface FeatureSet {
  readonly description: Description;
  /**
   * In the order of `description.levels`, and in the layout that it tells; those of codec `jpeg` are always planes
   * (`nchw`), as their images are.
   */
  readonly levels: readonly Level[];
  /** By level, its bands as they are stored, where they are compressed already. */
  readonly bands?: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** How a level is to be stored: a part of the spec. */
export interface Encoding {
  readonly codec?: Codec | undefined;
  readonly quality?: number | undefined;
  readonly layout?: Layout | undefined;
}

/** The layout in which a network has to return levels that are stored so. */
export function layoutFor({ codec, layout }: Encoding): Layout | undefined {
  return codec === 'jpeg' ? 'nchw' : layout;
}

/** A level as it will be stored; by default as it is. */
export function describeLevel({ name, stride, tensor }: Level, encoding?: Encoding): LevelDescription {
  const { dtype, quantization } = tensor;
  const axes = axesOf(tensor);
  const lengths = NHWC.map((axis) => tensor.shape[axes.indexOf(axis)]!) as [number, number, number];
  const format = formatOf({ dtype, layout: encoding?.layout ?? tensor.layout });
  return {
    name,
    shape: shapeIn(format, lengths),
    ...format,
    stride,
    channels: lengths[2],
    ...(quantization && { quantization: { ...quantization } }),
    ...(encoding?.codec === 'jpeg' && { codec: encoding.codec, quality: encoding.quality }),
  };
}

/** Where archives are kept in a store. */
export const FEATURES_PREFIX = 'features';

export function archiveKey(id: string): string {
  return `${FEATURES_PREFIX}/${id}.zarr.zip`;
}
