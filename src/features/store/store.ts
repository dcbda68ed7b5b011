import type { Readable } from 'node:stream';

/** An object that is open for reading; what it holds does not change while it is open. */
export interface StoredObject {
  readonly size: number;
  /** When it was written. */
  readonly modified: Date;
  /** Exactly `length` bytes from `start`. @throws CairnError `archive-corrupt` when they are not there. */
  read(start: number, length: number): Promise<Buffer>;
  /** The bytes from `start` up to and including `end`. The object is closed with the stream. */
  stream(start: number, end: number): Readable;
  /** May be called twice. */
  close(): Promise<void>;
}

export type Chunks = AsyncIterable<Uint8Array>;

/**
 * Where uploads and archives rest: the port that every store implements. Keys are relative paths
 * with `/` between their parts. A reader sees an object whole or not at all.
 */
export interface Store {
  /** Undefined when there is no such object. The caller closes what it gets. */
  open(key: string): Promise<StoredObject | undefined>;
  has(key: string): Promise<boolean>;
  /** Writes an object in one step; what was there under the key is replaced. An aborted or failing source leaves nothing. */
  put(key: string, chunks: Chunks): Promise<{ size: number }>;
  /**
   * Writes an object under `<prefix>/<SHA-256 of its bytes>`. The same bytes are kept once.
   *
   * @throws CairnError `upload-too-large` as soon as the source exceeds `maxBytes`.
   */
  putByDigest(prefix: string, chunks: Chunks, maxBytes: number): Promise<{ key: string; sha256: string; size: number }>;
  delete(key: string): Promise<void>;
  /** Removes, below `prefix`, what dead writers left behind and objects older than `maxAgeMs`. */
  sweep(prefix: string, maxAgeMs: number): Promise<void>;
}
