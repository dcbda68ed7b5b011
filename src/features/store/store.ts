import type { Readable } from 'node:stream';
import type { ByteSource } from '../../files/byte-source.js';

/**
 * An object that is open for reading; its bytes do not change while it is open. Where a store cannot keep those of an object
 * that is replaced meanwhile, reads fail with `store-failed`.
 */
export interface StoredObject extends ByteSource {
  /** When it was written. */
  readonly modified: Date;
  /** @throws CairnError `archive-corrupt` when the bytes are not there. */
  read(start: number, length: number): Promise<Buffer<ArrayBuffer>>;
  /** The bytes from `start` up to and including `end`. The object is closed with the stream. */
  stream(start: number, end: number): Readable;
  /** May be called twice. */
  close(): Promise<void>;
}

export type Chunks = AsyncIterable<Uint8Array>;

/**
 * Holds uploads and archives: the port that every store implements. Keys are relative paths
 * with `/` between their parts. A reader sees an object whole or not at all.
 */
export interface Store {
  /** Undefined when there is no such object. The caller closes the result. `signal` ends what is read of it. */
  open(key: string, signal?: AbortSignal): Promise<StoredObject | undefined>;
  has(key: string): Promise<boolean>;
  /** Sets the modification time of an object to now; false when there is no such object. */
  renew(key: string): Promise<boolean>;
  /** Writes or replaces an object atomically. A failing source and an aborted `signal` leave nothing. */
  put(key: string, chunks: Chunks, signal?: AbortSignal): Promise<{ size: number }>;
  /** As `put`, but an object that is there already stays as it is. `size` is that of `chunks`. */
  add(key: string, chunks: Chunks, signal?: AbortSignal): Promise<{ size: number }>;
  /**
   * Writes an object under `<prefix>/<SHA-256 of its bytes>`. The same bytes are kept once; where the object there no
   * longer has them, it is replaced.
   *
   * @throws CairnError `upload-too-large` as soon as the source exceeds `maxBytes`.
   */
  putByDigest(
    prefix: string,
    chunks: Chunks,
    maxBytes: number,
    signal?: AbortSignal,
  ): Promise<{ key: string; sha256: string; size: number }>;
  /** Keys of the finished objects below a prefix, in no order. */
  list(prefix: string): AsyncIterable<string>;
  delete(key: string): Promise<void>;
  /**
   * Moves a damaged object to `quarantineKey(key)`, unless another has taken its place since it was opened, when it was
   * `modified`. Returns whether it was moved.
   */
  quarantine(key: string, modified: Date): Promise<boolean>;
  /** Removes leftovers of dead writers and objects older than `maxAgeMs` below `prefix`. */
  sweep(prefix: string, maxAgeMs: number): Promise<void>;
  /** A URL at which clients can read an object themselves for a while; stores that are no server have none. */
  presign?(key: string, options: PresignOptions): Promise<string>;
}

export interface PresignOptions {
  /** How long the URL can be used. */
  readonly seconds: number;
  readonly type: string;
  readonly filename: string;
}

/** Where damaged objects are kept for their administrator to look at. */
export const QUARANTINE_PREFIX = 'quarantine';

export function quarantineKey(key: string): string {
  return `${QUARANTINE_PREFIX}/${key}`;
}
