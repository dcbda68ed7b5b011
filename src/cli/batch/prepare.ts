import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asCairnError, CairnError } from '../../errors.js';
import type { BatchClient } from './batch-client.js';
import type { Input } from './input.js';
import { LineNumbers } from './line-numbers.js';
import type { BadLine, Entry, InputLine } from './manifest-line.js';
import type { Patience } from './patience.js';

/** A server that lives but refuses one upload again and again is asked this often; then only that line fails. */
const UPLOAD_TRIES = 3;

export interface PrepareOptions {
  readonly client: BatchClient;
  readonly patience: Patience;
  /** Files that are read and uploaded at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onBadLine: (line: BadLine) => void;
  readonly onReady: (uploaded: boolean) => void;
}

export interface Prepared {
  readonly lines: LineNumbers;
  /** SHA-256 of the manifest that was written. */
  readonly sha256: string;
}

type Ready = BadLine | { readonly line: number; readonly json: string; readonly uploaded: boolean };

/**
 * Brings every image to the server that it does not have, and writes the manifest to submit: one line for
 * each line that is good, with digests in the place of paths and sorted keys, so that equal work is equal
 * bytes. Files are read as streams; the input may be of any length.
 *
 * @throws CairnError `server-unreachable` and the like when the server stays away, `cancelled`.
 */
export async function prepareManifest(input: Input, manifest: string, options: PrepareOptions): Promise<Prepared> {
  const { concurrency, signal, onBadLine, onReady } = options;
  const lines = new LineNumbers();
  const digest = createHash('sha256');
  const written = async function* (all: AsyncIterable<Ready>) {
    for await (const ready of all) {
      if ('error' in ready) {
        onBadLine(ready);
        continue;
      }
      lines.push(ready.line);
      onReady(ready.uploaded);
      digest.update(ready.json);
      yield ready.json;
    }
  };
  const all = Readable.from(input()).map((line: InputLine) => makeReady(line, options), { concurrency, signal });
  try {
    await pipeline(all, written, createWriteStream(manifest), { signal });
  } catch (error) {
    if (signal.aborted) throw new CairnError('cancelled', 'The command was interrupted.', { cause: error });
    throw error;
  }
  return { lines, sha256: digest.digest('hex') };
}

async function makeReady(line: InputLine, options: PrepareOptions): Promise<Ready> {
  if ('error' in line) return line;
  if (!('path' in line.source)) return ready(line, line.source, false);
  try {
    const { sha256, uploaded } = await bring(line.source.path, options);
    return ready(line, { sha256 }, uploaded);
  } catch (thrown) {
    const error = asCairnError(thrown);
    // The next line would fare no better.
    if (error.code === 'cancelled' || (error.transient && !(error instanceof UploadRefused))) throw error;
    return { line: line.line, name: line.name, error };
  }
}

function ready({ line, name, options }: Entry, source: object, uploaded: boolean): Ready {
  const sorted = Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { line, json: `${JSON.stringify({ source, name, ...sorted })}\n`, uploaded };
}

async function bring(path: string, { client, patience, signal }: PrepareOptions) {
  const sha256 = await digestOf(path, signal);
  if (await patience.retry(() => client.hasImage(sha256))) return { sha256, uploaded: false };
  for (let tries = 1; ; tries++) {
    try {
      // Where the file has changed since it was read, what counts is what the server has.
      return { sha256: await client.putImage(path), uploaded: true };
    } catch (error) {
      if (!(error instanceof CairnError) || !error.transient) throw error;
      // Only a server that answers others refuses this one.
      await patience.retry(() => client.greet());
      if (tries === UPLOAD_TRIES) throw new UploadRefused(error.code, error.message, { cause: error });
      await patience.pause(tries * 500);
    }
  }
}

/** One upload that failed for itself while the server was there. */
class UploadRefused extends CairnError {}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash: Hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash, { signal });
  } catch (cause) {
    if (signal.aborted) throw new CairnError('cancelled', 'The command was interrupted.', { cause });
    throw new CairnError('image-missing', `${path} cannot be read.`, { cause });
  }
  return hash.digest('hex');
}
