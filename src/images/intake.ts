import type { Readable } from 'node:stream';
import { inspectImage, refuseScans, type DecodeLimits } from '../backbone/preprocess/decode.js';
import { asCairnError, CairnError } from '../errors.js';
import { takeHead, withHead } from '../files/head.js';
import { JpegScanCounter } from '../formats/jpeg-scans.js';
import type { Store } from '../features/store/store.js';
import { IMAGES_PREFIX, type GivenSource, type ImageSource, type Upload } from './image-source.js';

/** Headers of all formats but some TIFFs lie within this. */
const HEAD_BYTES = 256 << 10;

export interface IntakeLimits extends DecodeLimits {
  readonly maxUploadBytes: number;
  /** Of a URL, in characters: the queue keeps it. */
  readonly maxUrlLength: number;
  /** How many times its size a compressed body of images or a manifest may unpack to. */
  readonly maxRatio: number;
  /** Bytes of the body of a batch, and of what it unpacks to; without it there is no limit. */
  readonly maxBatchBytes?: number;
}

/** An image in the store, as the source of a job, and its bytes. */
export interface KeptImage {
  readonly source: Upload;
  readonly size: number;
}

/** Accepts images: bytes, which go to the store, or URLs, which workers fetch. */
export class ImageIntake {
  constructor(
    private readonly store: Store,
    readonly limits: IntakeLimits,
  ) {}

  /** As `keep`, as the source of a job. */
  async receive(bytes: Readable): Promise<Upload> {
    return (await this.keep(bytes)).source;
  }

  /**
   * As `upload`, for bytes that a client sends. A refused image is drained, so that the request can be answered and
   * the connection kept alive.
   *
   * @throws CairnError `request-malformed` when the client disconnected, else as `upload`.
   */
  async keep(bytes: Readable): Promise<KeptImage> {
    try {
      return await this.upload(bytes);
    } catch (error) {
      if (bytes.errored === null) throw error;
      throw new CairnError('request-malformed', 'The upload was cut off.', { cause: error });
    } finally {
      bytes.resume();
    }
  }

  /**
   * Keeps an image under its digest, unless its header shows that it cannot be decoded. `maxBytes` is for files that
   * Cairn makes itself, from pixels that were counted before.
   *
   * @throws CairnError `upload-too-large`, or `image-…` of `inspectImage`.
   */
  async upload(bytes: Readable, maxBytes = this.limits.maxUploadBytes, signal?: AbortSignal): Promise<KeptImage> {
    // A request that is destroyed for its size could not be answered any more.
    const chunks = bytes.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>;
    const { head, whole } = await takeHead(chunks, HEAD_BYTES);
    const inspected = await this.inspectHead(head, whole);
    const { key, sha256, size } = await this.store.putByDigest(
      IMAGES_PREFIX,
      this.countingScans(withHead(head, chunks)),
      maxBytes,
      signal,
    );
    if (!inspected) await this.inspectStored(key);
    return { source: { kind: 'upload', key, sha256 }, size };
  }

  /**
   * An image that was named instead of sent.
   *
   * @throws CairnError `image-missing` for a digest that the store does not have, `url-too-long`.
   */
  async find(given: GivenSource): Promise<ImageSource> {
    if ('url' in given) {
      const { maxUploadBytes, maxUrlLength } = this.limits;
      if (given.url.length <= maxUrlLength) return { kind: 'url', url: given.url, maxBytes: maxUploadBytes };
      const message = `The URL has ${given.url.length} characters; the limit is ${maxUrlLength}.`;
      throw new CairnError('url-too-long', message);
    }
    const { sha256 } = given;
    const key = `${IMAGES_PREFIX}/${sha256}`;
    // It is used again, so it is as young as if it had been sent.
    if (await this.store.renew(key)) return { kind: 'upload', key, sha256 };
    throw new CairnError('image-missing', `The store has no image ${sha256}; send it to /v1/images first.`);
  }

  /** Makes an image as young as if it had just been sent; false when it is no longer there. */
  renew({ key }: Upload): Promise<boolean> {
    return this.store.renew(key);
  }

  /** Bytes of an image in the store; undefined when it has none. */
  async size(sha256: string): Promise<number | undefined> {
    const object = await this.store.open(`${IMAGES_PREFIX}/${sha256}`);
    await object?.close();
    return object?.size;
  }

  /** The bytes themselves, until they turn out to have too many scans. */
  private async *countingScans(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const counter = new JpegScanCounter();
    for await (const chunk of bytes) {
      refuseScans(chunk, counter, this.limits.maxScans);
      yield chunk;
    }
  }

  /** Whether the first bytes of a file showed its header; those of a whole file always do. */
  private async inspectHead(head: Buffer, whole: boolean): Promise<boolean> {
    try {
      await inspectImage(head, this.limits);
      return true;
    } catch (error) {
      // The directory of a TIFF may lie at the end of the file.
      if (!whole && asCairnError(error).code === 'image-unsupported') return false;
      throw error;
    }
  }

  private async inspectStored(key: string): Promise<void> {
    const object = await this.store.open(key);
    if (!object) throw new CairnError('image-unsupported', 'Another request has just sent and refused the same bytes.');
    try {
      await inspectImage(await object.read(0, object.size), this.limits);
    } catch (error) {
      await this.store.delete(key);
      throw error;
    } finally {
      await object.close();
    }
  }
}
