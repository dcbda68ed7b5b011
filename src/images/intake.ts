import type { Readable } from 'node:stream';
import { inspectImage } from '../backbone/preprocess/decode.js';
import { CairnError } from '../errors.js';
import type { Store } from '../features/store/store.js';
import { IMAGES_PREFIX, type GivenSource, type ImageSource, type Upload } from './image-source.js';

export interface IntakeLimits {
  readonly maxUploadBytes: number;
  readonly maxPixels: number;
  readonly allowPrivateUrls: boolean;
}

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

  /**
   * As `upload`, for bytes that a client sends. A refused image is drained, so that the request can be answered and
   * the connection goes on.
   *
   * @throws CairnError `request-malformed` when the client broke off, else as `upload`.
   */
  async receive(bytes: Readable): Promise<Upload> {
    try {
      return await this.upload(bytes);
    } catch (error) {
      if (bytes.errored === null) throw error;
      throw new CairnError('request-malformed', 'The upload broke off before its end.', { cause: error });
    } finally {
      bytes.resume();
    }
  }

  /** An image that was named instead of sent. @throws CairnError `image-missing` for a digest that the store does not have. */
  async find(given: GivenSource): Promise<ImageSource> {
    if ('url' in given) {
      const { allowPrivateUrls, maxUploadBytes } = this.limits;
      return { kind: 'url', url: given.url, allowPrivate: allowPrivateUrls, maxBytes: maxUploadBytes };
    }
    const { sha256 } = given;
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
}
