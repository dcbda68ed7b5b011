import type { FastifyRequest } from 'fastify';
import { Readable, type Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { CairnError } from '../../errors.js';
import { ByteReader } from './byte-reader.js';

const DECODERS: Readonly<Record<string, () => Transform>> = { gzip: createGunzip, deflate: createInflate };

/**
 * Lets `read` have the body of a request, decompressed as its `Content-Encoding` says. What `read` leaves is read
 * past afterwards, so that the connection goes on.
 *
 * @throws CairnError `request-malformed` for another encoding, else what `read` throws.
 */
export async function withBody<T>(request: FastifyRequest, read: (body: ByteReader) => Promise<T>): Promise<T> {
  const body = request.body instanceof Readable ? request.body : Readable.from([]);
  let decoder: Transform | undefined;
  try {
    decoder = decoderOf(request.headers['content-encoding']);
    if (!decoder) return await readAndLeave(new ByteReader(body.iterator({ destroyOnReturn: false })), read);
    // Not a pipeline: that would destroy the request with the decoder, and what is destroyed cannot be answered.
    body.once('error', (error: Error) => decoder!.destroy(error)).pipe(decoder);
    // Whoever reads is told of errors; where nobody reads yet, they must not end the process.
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
