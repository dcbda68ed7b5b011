import type { CallOptions, Connection } from './connection.js';
import { bytesCall, isReference, type ImageSource } from './image-source.js';

/** Images that are sent ahead of the jobs and batches that name them by digest. The server keeps them for some days. */
export class Images {
  constructor(private readonly connection: Connection) {}

  /** Stores an image. @returns the SHA-256 of its bytes. @throws RequestError `image-…`, `upload-too-large`. */
  async put(image: ImageSource, call: CallOptions = {}): Promise<string> {
    const request = { ...call, ...bytesCall(image) };
    return (await this.connection.json<{ sha256: string }>('/v1/images', request)).sha256;
  }

  /** Whether the server has the image with this SHA-256. */
  has(sha256: string, call: CallOptions = {}): Promise<boolean> {
    return this.connection.isThere(`/v1/images/${encodeURIComponent(sha256)}`, call);
  }

  /** As `put`, but an image in memory that the server has already is not sent. Streams are always sent. */
  async putIfMissing(image: ImageSource, call: CallOptions = {}): Promise<string> {
    const sha256 = await digestOf(image);
    return sha256 !== undefined && (await this.has(sha256, call)) ? sha256 : this.put(image, call);
  }
}

/** Undefined for what cannot be read twice, and in pages that are not a secure context: they have no digests. */
async function digestOf(image: ImageSource): Promise<string | undefined> {
  const subtle = crypto.subtle as typeof crypto.subtle | undefined;
  if (!subtle || isReference(image)) return undefined;
  const bytes = image instanceof Blob ? await image.arrayBuffer() : image;
  if (!ArrayBuffer.isView(bytes) && !(bytes instanceof ArrayBuffer)) return undefined;
  const data: unknown = bytes;
  const digest = new Uint8Array(await subtle.digest('SHA-256', data as ArrayBuffer));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
