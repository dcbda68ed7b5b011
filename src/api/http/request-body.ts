import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Readable, type Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { CairnError } from '../../errors.js';
import { ByteReader } from './byte-reader.js';

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
  try {
    decoder = decoderOf(request.headers['content-encoding']);
    if (!decoder) return await readAndLeave(new ByteReader(body.iterator({ destroyOnReturn: false })), read);
    // Not a pipeline: that would destroy the request with the decoder, and a destroyed request cannot be answered.
    body.once('error', (error: Error) => decoder!.destroy(error)).pipe(decoder);
    // The reader receives errors; before anyone reads they must not end the process.
    decoder.on('error', () => undefined);
    return await readAndLeave(new ByteReader(decoder), read);
  } finally {
    if (decoder) body.unpipe(decoder.destroy());
    body.resume();
  }
}

async function readAndLeave<T>(reader: ByteReader, read: (body: ByteReader) => Promise<T>): Promise<T> {
  try {
    return await read(reader);
  } finally {
    await reader.leave();
  }
}

function decoderOf(encoding = 'identity'): Transform | undefined {
  const coding = encoding.trim().toLowerCase();
  if (coding === 'identity') return undefined;
  if (Object.hasOwn(DECODERS, coding)) return DECODERS[coding]!();
  const known = Object.keys(DECODERS).join(' or ');
  throw new CairnError('request-malformed', `Content-Encoding may be ${known}, not "${coding}".`);
}
