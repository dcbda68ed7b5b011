import type { Readable } from 'node:stream';
import type { ByteSource } from '../../files/byte-source.js';

/** An object that is open for reading; its bytes do not change while it is open. */
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
  /** Undefined when there is no such object. The caller closes the result. */
  open(key: string): Promise<StoredObject | undefined>;
  has(key: string): Promise<boolean>;
  /** Writes or replaces an object atomically. An aborted or failing source leaves nothing. */
  put(key: string, chunks: Chunks): Promise<{ size: number }>;
  /**
   * Writes an object under `<prefix>/<SHA-256 of its bytes>`. The same bytes are kept once.
   *
   * @throws CairnError `upload-too-large` as soon as the source exceeds `maxBytes`.
   */
  putByDigest(prefix: string, chunks: Chunks, maxBytes: number): Promise<{ key: string; sha256: string; size: number }>;
  delete(key: string): Promise<void>;
  /** Removes leftovers of dead writers and objects older than `maxAgeMs` below `prefix`. */
  sweep(prefix: string, maxAgeMs: number): Promise<void>;
}
