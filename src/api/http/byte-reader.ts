import { CairnError } from '../../errors.js';

/** Reads a body piece by piece; no more of it is held than the piece that is asked for, and what came along with it. */
export class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  /** Came already, and was not asked for yet. */
  private rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes. @throws CairnError `request-malformed` when the body ends before. */
  async take(length: number, what: string): Promise<Buffer> {
    const bytes = await this.upTo(length);
    if (bytes.length === length) return bytes;
    throw new CairnError(
      'request-malformed',
      `The body ends ${length - bytes.length} bytes before the end of ${what}.`,
    );
  }

  /** All that is left. @throws CairnError `upload-too-large` when that is more than `limit` bytes. */
  async all(limit: number, what: string): Promise<Buffer> {
    const bytes = await this.upTo(limit + 1);
    if (bytes.length <= limit) return bytes;
    throw new CairnError('upload-too-large', `${what} may have at most ${limit} bytes.`);
  }

  /** @throws CairnError `request-malformed` when something is left. */
  async end(): Promise<void> {
    if ((await this.upTo(1)).length === 0) return;
    throw new CairnError('request-malformed', 'The body goes on after the last of the data that its JSON announces.');
  }

  /** Reads no more; what makes the chunks is ended. */
  async leave(): Promise<void> {
    await this.source.return?.();
  }

  private async upTo(length: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [this.rest];
    let size = this.rest.length;
    // What is announced is not trusted with memory: only what came is kept.
    while (size < length) {
      const next = await this.source.next().catch(brokenOff);
      if (next.done) break;
      chunks.push(next.value);
      size += next.value.byteLength;
    }
    const bytes = chunks.length === 1 ? this.rest : Buffer.concat(chunks, size);
    this.rest = bytes.subarray(length);
    return bytes.subarray(0, length);
  }
}

function brokenOff(cause: unknown): never {
  throw new CairnError('request-malformed', 'The body broke off before its end, or does not decompress.', { cause });
}
