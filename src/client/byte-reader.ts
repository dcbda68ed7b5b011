import { RequestError } from './request-error.js';

/** Reads given numbers of bytes from chunks of any size. */
export class ByteReader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `length` bytes, in memory of their own. @throws RequestError `server-unreachable` where there are fewer. */
  async read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.rest.length === 0) {
        const next = await this.chunks.next();
        if (next.done) throw new RequestError('server-unreachable', 'The response ended early.');
        this.rest = next.value;
      }
      const piece = this.rest.subarray(0, length - filled);
      bytes.set(piece, filled);
      filled += piece.length;
      this.rest = this.rest.subarray(piece.length);
    }
    return bytes;
  }

  /** Reads to the end, so that the connection can be used again. */
  async finish(): Promise<void> {
    while (!(await this.chunks.next()).done);
  }

  /** Closes the source; may be called twice. */
  async close(): Promise<void> {
    await this.chunks.return?.();
  }
}
