import type { Readable } from 'node:stream';
import { inspectImage } from '../backbone/preprocess/decode.js';
import { CairnError } from '../errors.js';
import type { Store } from '../features/store/store.js';
import { IMAGES_PREFIX, type ImageSource } from '../jobs/payload.js';

export interface IntakeLimits {
  readonly maxUploadBytes: number;
  readonly maxPixels: number;
  readonly allowPrivateUrls: boolean;
}

export type Upload = Extract<ImageSource, { kind: 'upload' }>;

/** Where images come in: as bytes, which the store keeps, or as addresses, which workers fetch. */
export class ImageIntake {
  constructor(
    private readonly store: Store,
    readonly limits: IntakeLimits,
  ) {}

  /**
   * Keeps the bytes under their digest, unless their header already tells that they are of no use. `maxBytes` is for
   * files that were made here, of pixels that were counted before.
   *
   * @throws CairnError `upload-too-large`, or `image-…` of `inspectImage`.
   */
  async upload(bytes: Readable, maxBytes = this.limits.maxUploadBytes): Promise<Upload> {
    const { maxPixels } = this.limits;
    // A request that is destroyed for its size could not be answered any more.
    const chunks = bytes.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>;
    const { key, sha256 } = await this.store.putByDigest(IMAGES_PREFIX, chunks, maxBytes);
    const object = await this.store.open(key);
    if (!object) throw new CairnError('image-unsupported', 'The same bytes were refused a moment ago.');
    try {
      await inspectImage(await object.read(0, object.size), maxPixels);
    } catch (error) {
      await this.store.delete(key);
      throw error;
    } finally {
      await object.close();
    }
    return { kind: 'upload', key, sha256 };
  }

  /** An image that the store has already. @throws CairnError `image-missing`. */
  async find(sha256: string): Promise<Upload> {
    const key = `${IMAGES_PREFIX}/${sha256}`;
    if (await this.store.has(key)) return { kind: 'upload', key, sha256 };
    throw new CairnError('image-missing', `The store has no image ${sha256}; send it to /v1/images first.`);
  }

  /** Bytes of an image in the store; undefined when it has none. */
  async size(sha256: string): Promise<number | undefined> {
    const object = await this.store.open(`${IMAGES_PREFIX}/${sha256}`);
    await object?.close();
    return object?.size;
  }

  link(url: string): ImageSource {
    const { allowPrivateUrls, maxUploadBytes } = this.limits;
    return { kind: 'url', url, allowPrivate: allowPrivateUrls, maxBytes: maxUploadBytes };
  }
}
