import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CairnError } from '../../errors.js';
import { takeHead, withHead } from '../../files/head.js';
import type { UnpackLimit } from '../../formats/inflation.js';

export type BodyKind = 'gzip' | 'zip' | 'tar' | 'ndjson' | 'other';

/** A tar has its magic near the end of its first block. */
const HEAD_BYTES = 512;
const TAR_MAGIC_AT = 257;

/** The first bytes of a stream, and the whole stream. */
export async function peek(chunks: AsyncIterable<Uint8Array>) {
  const iterator = chunks[Symbol.asyncIterator]();
  const { head } = await takeHead(iterator, HEAD_BYTES);
  return { head, all: withHead(head, iterator) };
}

/** Detects the format of a body by its first bytes: the content type of a request is not reliable. */
export function kindOf(head: Buffer): BodyKind {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  // The second is the signature of an empty zip.
  if (['504b0304', '504b0506'].includes(head.toString('hex', 0, 4))) return 'zip';
  if (head.toString('latin1', TAR_MAGIC_AT, TAR_MAGIC_AT + 5) === 'ustar') return 'tar';
  // Text never contains a zero byte; images and most other files have one among their first hundred bytes.
  return head.includes(0) ? 'other' : 'ndjson';
}

/** Unpacks gzip. @throws CairnError `request-malformed`, or `batch-too-large` for a decompression bomb. */
export async function* gunzip(chunks: AsyncIterable<Uint8Array>, limit: UnpackLimit): AsyncGenerator<Buffer> {
  let packed = 0;
  const counted = async function* () {
    for await (const chunk of chunks) {
      packed += chunk.byteLength;
      yield chunk;
    }
  };
  let failure: unknown;
  // Errors of the source reach the reader through the stream, as it is destroyed with them.
  const plain = pipeline(Readable.from(counted()), createGunzip(), (error) => (failure = error)) as Readable;
  let size = 0;
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      limit.check(size, packed);
      yield chunk;
    }
  } catch (error) {
    throw unreadableBody('gzip', failure ?? error);
  } finally {
    plain.destroy();
  }
}

/** The error of a body that breaks off or is damaged; a `CairnError` stays as it is. */
export function unreadableBody(kind: BodyKind, cause: unknown): CairnError {
  if (cause instanceof CairnError) return cause;
  return new CairnError('request-malformed', `The ${kind} cannot be read: ${(cause as Error).message}.`, { cause });
}
