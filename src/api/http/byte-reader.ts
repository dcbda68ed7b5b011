import { CairnError } from '../../errors.js';

/** Reads a body piece by piece. It holds the piece that is read and the rest of the chunk that ended it. */
export class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  /** Received and not read yet. */
  private rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes. @throws CairnError `request-malformed` when the body is shorter. */
  async take(length: number, what: string): Promise<Buffer> {
    const bytes = await this.upTo(length);
    if (bytes.length === length) return bytes;
    throw new CairnError(
      'request-malformed',
      `The body ends ${length - bytes.length} bytes before the end of ${what}.`,
    );
  }

  /** The rest. @throws CairnError `upload-too-large` when it has more than `limit` bytes. */
  async all(limit: number, what: string): Promise<Buffer> {
    const bytes = await this.upTo(limit + 1);
    if (bytes.length <= limit) return bytes;
    throw new CairnError('upload-too-large', `${what} may have at most ${limit} bytes.`);
  }

  /** @throws CairnError `request-malformed` unless the body has ended. */
  async end(): Promise<void> {
    if ((await this.upTo(1)).length === 0) return;
    throw new CairnError('request-malformed', 'The body goes on after the last of the data that its JSON announces.');
  }

  /** Ends the source of the chunks. */
  async leave(): Promise<void> {
    await this.source.return?.();
  }

  private async upTo(length: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [this.rest];
    let size = this.rest.length;
    // Nothing is allocated by an announced length: only received chunks are kept.
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
