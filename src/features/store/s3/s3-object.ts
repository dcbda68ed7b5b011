import { GetObjectCommand, HeadObjectCommand, type HeadObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { CairnError } from '../../../errors.js';
import type { StoredObject } from '../store.js';
import { RangeStream } from './range-stream.js';
import { readAhead, type Fetch } from './read-ahead.js';
import { isMissing, isRefusedByCondition, s3Error } from './s3-errors.js';

/** Where an object is. */
export interface Location {
  readonly client: S3Client;
  readonly Bucket: string;
  readonly Key: string;
}

/** Names in the metadata of an object. `version` is new with each write and stays when an object is copied. */
export const VERSION = 'cairn-version';
/** When it was written, in milliseconds since 1970: S3's own time has whole seconds. */
export const WRITTEN = 'cairn-written';
/** Of an upload, whose bytes S3 itself keeps right. */
export const SHA256 = 'cairn-sha256';

/** What S3 says about an object. */
export interface Head {
  readonly size: number;
  /** Of the object's bytes, however often it is renewed. */
  readonly modified: Date;
  /** When it was written or renewed. */
  readonly renewed: Date;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Undefined where there is no such object. @throws CairnError `store-…`. */
export async function headOf({ client, Bucket, Key }: Location, signal?: AbortSignal): Promise<Head | undefined> {
  try {
    return toHead(
      await client.send(new HeadObjectCommand({ Bucket, Key }), { ...(signal && { abortSignal: signal }) }),
    );
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw s3Error(error);
  }
}

function toHead({ ContentLength = 0, LastModified, ETag = '', Metadata = {} }: HeadObjectCommandOutput): Head {
  const renewed = LastModified ?? new Date(0);
  const written = Number(Metadata[WRITTEN]);
  const modified = written > 0 ? new Date(written) : renewed;
  return { size: ContentLength, modified, renewed, etag: ETag, metadata: Metadata };
}

/** An object that was found, open for reading: nothing is held, and each read is a request. */
export function openObject(location: Location, head: Head, name: string, signal?: AbortSignal): StoredObject {
  const { size, modified } = head;
  const open = opener(location, head);
  const stream = (start: number, end: number) => new RangeStream((at, stop) => open(at, end, stop), start, end, signal);
  const fetch: Fetch = async (start, length) => {
    const bytes = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for await (const chunk of stream(start, start + length - 1) as AsyncIterable<Buffer>) at += chunk.copy(bytes, at);
    return bytes;
  };
  const read = readAhead(fetch, size);
  return {
    size,
    modified,
    read: async (start, length) => {
      if (start + length > size) {
        throw new CairnError('archive-corrupt', `${name} ends before byte ${start + length}.`);
      }
      if (length === 0) return Buffer.allocUnsafeSlow(0);
      return read(start, length).catch((error: unknown) => {
        throw s3Error(error);
      });
    },
    stream,
    close: () => Promise.resolve(),
  };
}

/** Asks for ranges of the object that was found, and for no other that has taken its place. */
function opener({ client, Bucket, Key }: Location, head: Head) {
  let { etag } = head;
  const isSame = (metadata: Readonly<Record<string, string>> = {}) =>
    metadata[VERSION] !== undefined && metadata[VERSION] === head.metadata[VERSION];

  async function ask(start: number, end: number, abortSignal: AbortSignal) {
    const Range = `bytes=${start}-${end}`;
    return client.send(new GetObjectCommand({ Bucket, Key, Range, IfMatch: etag }), { abortSignal });
  }

  return async (start: number, end: number, signal: AbortSignal): Promise<Readable> => {
    try {
      const response = await ask(start, end, signal).catch(async (error: unknown) => {
        if (!isRefusedByCondition(error)) throw error;
        // One that was renewed may have another tag, and has the same bytes.
        const now = await headOf({ client, Bucket, Key }, signal);
        if (!now || !isSame(now.metadata)) throw replaced();
        etag = now.etag;
        return ask(start, end, signal);
      });
      const body = response.Body as Readable;
      // Of servers that know no conditions.
      const other = response.ETag !== etag && !isSame(response.Metadata);
      if (!other && response.ContentLength === end + 1 - start) return body;
      body.destroy();
      throw other ? replaced() : new CairnError('store-failed', 'The store answered with another range.');
    } catch (error) {
      if (isMissing(error)) throw replaced(error);
      throw s3Error(error);
    }
  };
}

function replaced(cause?: unknown): CairnError {
  return new CairnError('store-failed', 'The object was replaced or deleted while it was read.', { cause });
}
