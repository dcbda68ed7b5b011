import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Readable, type Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { CairnError } from '../../errors.js';

const DECODERS: Readonly<Record<string, () => Transform>> = { gzip: createGunzip, deflate: createInflate };

/** Marks a method that reads its body itself: bytes, whatever content type the client gives them. */
export const OpaqueBody = () => RouteConfig({ opaqueBody: true });

/**
 * Hands the body of every method with `OpaqueBody` over as a stream. NestJS registers all routes in one Fastify context,
 * so that they share its content type parsers: the type by which the parser is chosen is replaced instead. The
 * client's own is still in `request.raw.headers`.
 */
export function passOpaqueBodies(server: FastifyInstance): void {
  server.addHook('onRequest', (request, _reply, done) => {
    const { opaqueBody } = request.routeOptions.config as { opaqueBody?: boolean };
    if (opaqueBody) request.headers = { ...request.headers, 'content-type': 'application/octet-stream' };
    done();
  });
}

/**
 * Lets `read` read the body of a request, decompressed according to its `Content-Encoding`, and drains the rest.
 *
 * @throws CairnError `request-malformed` for another encoding, else what `read` throws.
 */
export async function withBody<T>(request: FastifyRequest, read: (body: ByteReader) => Promise<T>): Promise<T> {
  const body = request.body instanceof Readable ? request.body : Readable.from([]);
  let decoder: Transform | undefined;
  let reader: ByteReader | undefined;
  try {
    decoder = decoderOf(request.headers['content-encoding']);
    // Not a pipeline: that would destroy the request with the decoder, and a destroyed request cannot be answered.
    if (decoder) body.once('error', (error: Error) => decoder!.destroy(error)).pipe(decoder);
    // The reader receives errors; before anyone reads they must not end the process.
    decoder?.on('error', () => undefined);
    reader = new ByteReader(decoder ?? body.iterator({ destroyOnReturn: false }));
    return await read(reader);
  } finally {
    await reader?.leave();
    if (decoder) body.unpipe(decoder.destroy());
    body.resume();
  }
}

function decoderOf(encoding = 'identity'): Transform | undefined {
  const coding = encoding.trim().toLowerCase();
  if (coding === 'identity') return undefined;
  if (Object.hasOwn(DECODERS, coding)) return DECODERS[coding]!();
  const known = Object.keys(DECODERS).join(' or ');
  throw new CairnError('request-malformed', `Content-Encoding may be ${known}, not "${coding}".`);
}

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
    throw new CairnError('request-malformed', 'The body continues after the data that its JSON declares.');
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
