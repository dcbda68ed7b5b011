import { z } from 'zod';
import { sha256Schema } from '../formats/sha256.js';

/** Where uploads and fetched images are kept in the store, by digest. */
export const IMAGES_PREFIX = 'images';

/** Where a job's image is. Pixels never travel through the queue. */
export const imageSourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('upload'), key: z.string(), sha256: sha256Schema }),
  z.object({ kind: z.literal('url'), url: z.url(), maxBytes: z.int().positive() }),
]);
export type ImageSource = z.infer<typeof imageSourceSchema>;
export type Upload = Extract<ImageSource, { kind: 'upload' }>;

/** An image that does not come with the request: at a URL, or in the store under the digest of its bytes. */
export const givenSourceSchema = z.union([
  z.strictObject({ url: z.url({ protocol: /^https?$/ }) }),
  z.strictObject({ sha256: sha256Schema }),
]);
export type GivenSource = z.infer<typeof givenSourceSchema>;
