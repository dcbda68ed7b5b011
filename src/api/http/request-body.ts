import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Readable, type Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { CairnError } from '../../errors.js';
import { UnpackLimit } from '../../formats/inflation.js';
import type { ByteBudget, ByteLease } from './byte-budget.js';
import { AddRouteConfig, type RouteSettings } from './route-config.js';

/** How many times its size a compressed body may unpack to. */
export const MAX_INFLATION = 100;

/** `bytesWritten` counts what was decompressed. */
type Decoder = Transform & { readonly bytesWritten: number };
const DECODERS: Readonly<Record<string, () => Decoder>> = { gzip: createGunzip, deflate: createInflate };

/** Marks a method that reads its body itself: bytes, whatever content type the client gives them. */
export const OpaqueBody = () => AddRouteConfig({ opaqueBody: true });

/**
 * Hands the body of every method with `OpaqueBody` over as a stream. NestJS registers all routes in one Fastify context,
 * so that they share its content type parsers: the type by which the parser is chosen is replaced instead. The
 * client's own is still in `request.raw.headers`.
 */
export function passOpaqueBodies(server: FastifyInstance): void {
  server.addHook('onRequest', (request, _reply, done) => {
    const { opaqueBody } = request.routeOptions.config as RouteSettings;
    if (opaqueBody) request.headers = { ...request.headers, 'content-type': 'application/octet-stream' };
    done();
  });
}

/**
 * Lets `read` read the body of a request, decompressed according to its `Content-Encoding`, and drains the rest. What
 * `read` holds of it in memory is taken from `budget` until `read` has ended.
 *
 * @throws CairnError `request-malformed` for another encoding, else what `read` throws.
 */
export async function withBody<T>(
  request: FastifyRequest,
  budget: ByteBudget,
  read: (body: ByteReader) => Promise<T>,
): Promise<T> {
  const body = request.body instanceof Readable ? request.body : Readable.from([]);
  const lease = budget.lease();
  let decoder: Decoder | undefined;
  let reader: ByteReader | undefined;
  try {
    decoder = decoderOf(request.headers['content-encoding']);
    // Not a pipeline: that would destroy the request with the decoder, and a destroyed request cannot be answered.
    if (decoder) body.once('error', (error: Error) => decoder!.destroy(error)).pipe(decoder);
    // The reader receives errors; before anyone reads they must not end the process.
    decoder?.on('error', () => undefined);
    reader = new ByteReader(decoder ? decoded(decoder) : body.iterator({ destroyOnReturn: false }), lease);
    return await read(reader);
  } finally {
    lease.release();
    await reader?.leave();
    if (decoder) body.unpipe(decoder.destroy());
    body.resume();
  }
}

function decoderOf(encoding = 'identity'): Decoder | undefined {
  const coding = encoding.trim().toLowerCase();
  if (coding === 'identity') return undefined;
  if (Object.hasOwn(DECODERS, coding)) return DECODERS[coding]!();
  const known = Object.keys(DECODERS).join(' or ');
  throw new CairnError('request-malformed', `Content-Encoding may be ${known}, not "${coding}".`);
}

/** What a decoder gives. @throws CairnError `upload-too-large` for a decompression bomb. */
async function* decoded(decoder: Decoder): AsyncGenerator<Uint8Array> {
  const limit = new UnpackLimit(MAX_INFLATION, 'upload-too-large');
  let size = 0;
  for await (const chunk of decoder as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    limit.check(size, decoder.bytesWritten);
    yield chunk;
  }
}

/** Reads a body piece by piece. It holds the piece that is read and the rest of the chunk that ended it. */
export class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  /** Received and not read yet. */
  private rest: Buffer = Buffer.alloc(0);

  constructor(
    chunks: AsyncIterable<Uint8Array>,
    private readonly lease: ByteLease,
  ) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** Memory that is needed beside the bytes themselves. @throws CairnError `busy`. */
  reserve(bytes: number): void {
    this.lease.take(bytes);
  }

  /** The next `length` bytes. @throws CairnError `request-malformed` when the body is shorter, or `busy`. */
  async take(length: number, what: string): Promise<Buffer> {
    const bytes = await this.upTo(length);
    if (bytes.length < length) throw endedBefore(length - bytes.length, what);
    return bytes;
  }

  /** The next `length` bytes as they arrive. @throws CairnError `request-malformed` when the body is shorter. */
  async *stream(length: number, what: string): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      const piece = (await this.chunk())?.subarray(0, left);
      if (!piece) throw endedBefore(left, what);
      this.rest = this.rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  /** The rest as it arrives. */
  async *streamAll(): AsyncGenerator<Buffer> {
    for (let chunk = await this.chunk(); chunk; chunk = await this.chunk()) {
      this.rest = chunk.subarray(chunk.length);
      yield chunk;
    }
  }

  /** The rest. @throws CairnError `upload-too-large` when it has more than `limit` bytes, or `busy`. */
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

  /** What has arrived and is not read yet, at least one byte; undefined at the end. */
  private async chunk(): Promise<Buffer | undefined> {
    while (this.rest.length === 0) {
      const next = await this.source.next().catch(brokenOff);
      if (next.done) return undefined;
      this.rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    return this.rest;
  }

  private async upTo(length: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [this.rest];
    let size = this.rest.length;
    // Nothing is allocated by an announced length: only received chunks are kept.
    while (size < length) {
      const next = await this.source.next().catch(brokenOff);
      if (next.done) break;
      this.lease.take(next.value.byteLength);
      chunks.push(next.value);
      size += next.value.byteLength;
    }
    const bytes = chunks.length === 1 ? this.rest : Buffer.concat(chunks, size);
    this.rest = bytes.subarray(length);
    return bytes.subarray(0, length);
  }
}

function endedBefore(missing: number, what: string): CairnError {
  return new CairnError('request-malformed', `The body ends ${missing} bytes before the end of ${what}.`);
}

function brokenOff(cause: unknown): never {
  if (cause instanceof CairnError) throw cause;
  throw new CairnError('request-malformed', 'The body broke off before its end, or does not decompress.', { cause });
}
