import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Cairn } from '../../client/index.js';
import { asCairnError, CairnError } from '../../errors.js';
import type { Input } from './input.js';
import type { BadLine, Entry, InputLine } from './manifest-line.js';

/** After this many refusals of one upload by a server that is up, only that line fails. */
const UPLOAD_TRIES = 3;

export interface PrepareOptions {
  readonly client: Cairn;
  /** Files read and uploaded at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onBadLine: (line: BadLine) => void;
  readonly onReady: (uploaded: boolean) => void;
}

export interface Prepared {
  /** Lines to submit. */
  readonly count: number;
  /** SHA-256 of the manifest that was written. */
  readonly sha256: string;
}

type Ready = BadLine | { readonly line: number; readonly json: string; readonly uploaded: boolean };

/**
 * Uploads the images that the server does not have, and writes the manifest to submit. Its lines have the numbers
 * of the input: in place of bad lines it has empty ones, which the server skips. It has digests in place of paths
 * and sorted keys, so that equal work gives equal bytes. Files are streamed; the input may have any length.
 *
 * @throws CairnError `server-unreachable` and the like after a long outage, `cancelled`.
 */
export async function prepareManifest(input: Input, manifest: string, options: PrepareOptions): Promise<Prepared> {
  const { concurrency, signal, onBadLine, onReady } = options;
  const digest = createHash('sha256');
  let count = 0;
  const written = async function* (all: AsyncIterable<Ready>) {
    let next = 1;
    for await (const ready of all) {
      if ('error' in ready) {
        onBadLine(ready);
        continue;
      }
      const text = '\n'.repeat(ready.line - next) + ready.json;
      next = ready.line + 1;
      count++;
      onReady(ready.uploaded);
      digest.update(text);
      yield text;
    }
  };
  const all = Readable.from(input()).map((line: InputLine) => makeReady(line, options), { concurrency, signal });
  try {
    await pipeline(all, written, createWriteStream(manifest), { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  return { count, sha256: digest.digest('hex') };
}

async function makeReady(line: InputLine, options: PrepareOptions): Promise<Ready> {
  if ('error' in line) return line;
  if (!('path' in line.source)) return ready(line, line.source, false);
  try {
    const { sha256, uploaded } = await uploadIfMissing(line.source.path, options);
    return ready(line, { sha256 }, uploaded);
  } catch (thrown) {
    const error = asCairnError(thrown);
    // These would fail the next line as well.
    if (error.code === 'cancelled' || (error.transient && !(error instanceof UploadRefused))) throw error;
    return { line: line.line, name: line.name, error };
  }
}

function ready({ line, name, options }: Entry, source: object, uploaded: boolean): Ready {
  const sorted = Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { line, json: `${JSON.stringify({ source, name, ...sorted })}\n`, uploaded };
}

async function uploadIfMissing(path: string, { client, signal }: PrepareOptions) {
  const sha256 = await digestOf(path, signal);
  if (await client.images.has(sha256)) return { sha256, uploaded: false };
  for (let tries = 1; ; tries++) {
    try {
      // If the file has changed since it was hashed, the server's digest is the right one.
      return { sha256: await client.images.put(createReadStream(path)), uploaded: true };
    } catch (error) {
      if (!(error instanceof CairnError) || !error.transient) throw error;
      // Wait for the server if it is down; if it is up, it refuses this upload.
      await client.ping();
      if (tries === UPLOAD_TRIES) throw new UploadRefused(error.code, error.message, { cause: error });
      await client.retries.pause(tries * 500, signal);
    }
  }
}

/** An upload that failed although the server was up. */
class UploadRefused extends CairnError {}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new CairnError('image-missing', `${path} cannot be read.`, { cause });
  }
  return hash.digest('hex');
}
