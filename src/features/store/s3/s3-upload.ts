import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { asCairnError } from '../../../errors.js';
import { fromSource, SourceFailure } from '../source.js';
import type { Chunks } from '../store.js';
import { isConflict, isMissing, isRefusedByCondition, s3Error } from './s3-errors.js';
import { headOf, VERSION, WRITTEN, type Location } from './s3-object.js';

/** Objects up to this size are one request; an object has at most 10,000 parts, 80 GB. */
export const PART_BYTES = 8 << 20;
/** Parts of one object that are sent at once; one more is being gathered. */
const PARTS_AT_ONCE = 2;

export interface UploadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Leaves an object alone that is there already: by a condition of the request, or by looking right before it. */
  readonly unlessThere?: 'by-condition' | 'by-looking';
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What came of an upload: `kept` is false where another object was there. */
export interface Uploaded {
  readonly size: number;
  readonly kept: boolean;
}

/**
 * Writes an object that appears whole or not at all: large ones in parts, which are given up where anything fails. At most
 * `PARTS_AT_ONCE` + 2 parts are in memory.
 *
 * @throws CairnError `store-…`, or what the source throws.
 */
export async function upload(location: Location, chunks: Chunks, options: UploadOptions = {}): Promise<Uploaded> {
  const { client, Bucket, Key } = location;
  const { unlessThere, metadata } = options;
  const version = randomUUID();
  let size = 0;
  const counted = async function* () {
    for await (const chunk of fromSource(chunks, options.signal)) {
      size += chunk.byteLength;
      // The source may use its buffer again before the part is full.
      yield Buffer.from(chunk);
    }
  };
  const Body = Readable.from(counted(), { objectMode: false, highWaterMark: 0 });
  const params: PutObjectCommandInput = {
    ...{ Bucket, Key, Body },
    Metadata: { ...metadata, [VERSION]: version, [WRITTEN]: String(Date.now()) },
    ...(unlessThere === 'by-condition' && { IfNoneMatch: '*' }),
  };
  const isThere = async () => (await headOf(location, options.signal)) !== undefined;
  const sender = new Sender(client, Body, options.signal, unlessThere === 'by-looking' ? isThere : undefined);
  const work = new Upload({
    client: sender as unknown as S3Client,
    params,
    partSize: PART_BYTES,
    queueSize: PARTS_AT_ONCE,
  });
  try {
    await work.done();
    return { size, kept: true };
  } catch (thrown) {
    const error = sender.failure ?? thrown;
    if (error instanceof SourceFailure) throw asCairnError(error.cause, 'store-failed');
    if (error instanceof AlreadyThere) return { size, kept: false };
    if (unlessThere && isRefusedByCondition(error)) return { size, kept: false };
    // Its answer was lost: what a second request does not find has been done by the first.
    const found = isMissing(error) || isConflict(error) ? await headOf(location) : undefined;
    if (found?.metadata[VERSION] === version) return { size, kept: true };
    if (unlessThere && found) return { size, kept: false };
    throw s3Error(error);
  } finally {
    Body.destroy();
  }
}

class AlreadyThere extends Error {}

/**
 * The client as the uploader of the SDK uses it. Requests end with `signal`; the first failure ends the source, whose other parts
 * would be sent in vain. Parts that were sent are always given up.
 */
class Sender {
  /** The first failure: what follows from it says less. */
  failure: unknown;

  constructor(
    private readonly client: S3Client,
    private readonly source: Readable,
    private readonly signal: AbortSignal | undefined,
    private readonly isThere: (() => Promise<boolean>) | undefined,
  ) {
    source.once('error', (error) => (this.failure ??= error));
  }

  get config() {
    return this.client.config;
  }

  async send(command: Parameters<S3Client['send']>[0]): Promise<unknown> {
    if (command instanceof AbortMultipartUploadCommand) {
      // What cannot be given up now is swept later, and hides no failure.
      return this.client.send(command).catch(() => undefined);
    }
    try {
      const last = command instanceof PutObjectCommand || command instanceof CompleteMultipartUploadCommand;
      if (last && (await this.isThere?.())) throw new AlreadyThere();
      return await this.client.send(command, { ...(this.signal && { abortSignal: this.signal }) });
    } catch (error) {
      this.failure ??= this.signal?.aborted ? new SourceFailure('aborted', { cause: this.signal.reason }) : error;
      if (!(command instanceof CompleteMultipartUploadCommand)) this.source.destroy(this.failure as Error);
      throw error;
    }
  }
}
