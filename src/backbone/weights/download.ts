import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asCairnError, CairnError } from '../../errors.js';
import { makeFolder } from '../../files/durable.js';
import { agrees, digestOf, type Digest } from './download/digest.js';
import type { SourceOptions } from './download/open-url.js';
import { PartFile } from './download/part-file.js';
import { sourcesOf, type Source } from './download/sources.js';
import type { PublishedWeights } from './published.js';

const SILENCE_MS = 30_000;
/** The limit where the size is not known, and in any case: four times the largest file of the catalogue. */
const MAX_BYTES = 1 << 30;

/** What a download needs to know of a file. */
export type Downloadable = Pick<PublishedWeights, 'name' | 'url' | 'bytes'> & { readonly digest: Digest };

interface ReceiveOptions extends SourceOptions {
  /** Bytes present, including those of an earlier try, and the length of the file where it is known. */
  readonly onProgress?: ((bytes: number, total: number | undefined) => void) | undefined;
}

export interface DownloadOptions extends Partial<ReceiveOptions> {
  /** An HTTP(S) URL, a file URL or the path of a folder to use instead of the publisher. */
  readonly mirror?: string | undefined;
  /** Replaces a different file at the target. */
  readonly force?: boolean | undefined;
}

/**
 * Downloads the file of `entry` to the path `target`. Only the right file ever takes that name: it is
 * received beside it, compared as a whole with its digest, flushed and renamed. An
 * interrupted download stays in `<target>.part`, and the next one resumes it; a wrong file is removed.
 * Several processes may do this at once, see `PartFile`.
 *
 * @returns the number of bytes received by this call: 0 when the right file was there already.
 * @throws CairnError `weights-checksum` for a wrong file, `weights-unreachable` for transient failures,
 *   `weights-unavailable` where the file is not offered, `weights-conflict` when another file is at
 *   `target`, `store-failed` when the disk refuses, `option-invalid` for the mirror, `cancelled`.
 */
export async function downloadWeights(
  entry: Downloadable,
  target: string,
  { mirror, force = false, silenceMs = SILENCE_MS, ...options }: DownloadOptions = {},
): Promise<number> {
  const sources = sourcesOf(entry, mirror);
  try {
    if (await isThere(entry, target, force)) return 0;
    await makeFolder(dirname(target));
    const part = await PartFile.claim(target);
    try {
      const received = await receiveFromAny(sources, entry, part, { silenceMs, ...options });
      // Another process may have been faster.
      if (await isThere(entry, target, force)) await part.discard();
      else await part.publish();
      return received;
    } catch (error) {
      const { code } = asCairnError(error);
      const wrong = code === 'weights-checksum' || code === 'weights-conflict';
      // The first error explains more than a failure to clean up.
      await (wrong ? part.discard() : part.rest()).catch(() => undefined);
      throw error;
    }
  } catch (error) {
    throw asCairnError(error, 'store-failed');
  }
}

async function isThere(entry: Downloadable, target: string, force: boolean): Promise<boolean> {
  const found = await stat(target).catch(() => undefined);
  if (!found) return false;
  if (found.isFile() && agrees(await digestOf(target, entry.digest), entry.digest)) return true;
  if (force) return false;
  throw new CairnError('weights-conflict', `${target} exists and is not ${entry.name}; only force replaces it.`);
}

/** Takes the first source whose file is the right one. */
async function receiveFromAny(
  sources: readonly Source[],
  entry: Downloadable,
  part: PartFile,
  options: ReceiveOptions,
): Promise<number> {
  const failures: CairnError[] = [];
  for (const source of sources) {
    try {
      return await receive(source, entry, part, options);
    } catch (error) {
      if (!(error instanceof CairnError)) throw error;
      if (error.code === 'weights-checksum') await part.empty();
      else if (error.code !== 'weights-unavailable') throw error;
      failures.push(error);
    }
  }
  const wrong = failures.find(({ code }) => code === 'weights-checksum');
  throw wrong ?? new CairnError('weights-unavailable', failures.map(({ message }) => message).join(' '));
}

/** Completes `part` from one source and checks the whole; returns the number of bytes received. */
async function receive(source: Source, entry: Downloadable, part: PartFile, options: ReceiveOptions) {
  const present = await part.size();
  const received = present === entry.bytes ? 0 : await receiveRest(source, entry, part, present, options);
  const digest = await digestOf(part.path, entry.digest);
  if (!agrees(digest, entry.digest)) throw wrong(entry, `its digest is ${digest}, not ${entry.digest}`);
  return received;
}

async function receiveRest(
  source: Source,
  entry: Downloadable,
  part: PartFile,
  present: number,
  options: ReceiveOptions,
): Promise<number> {
  const { signal, onProgress } = options;
  const limit = entry.bytes ?? MAX_BYTES;
  const { start, total, chunks, close } = await source(present <= limit ? present : 0, options);
  let bytes = start;
  const counted = async function* () {
    onProgress?.(bytes, entry.bytes ?? total);
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      if (bytes > limit) throw wrong(entry, `it has more than ${limit} bytes`);
      yield chunk;
      onProgress?.(bytes, entry.bytes ?? total);
    }
  };
  try {
    if (total !== undefined) checkSize(entry, total);
    await part.write(start, counted(), signal);
  } catch (cause) {
    if (signal?.aborted) throw new CairnError('cancelled', `The download of ${entry.name} was cancelled.`, { cause });
    throw cause;
  } finally {
    await close();
  }
  if (total !== undefined && bytes < total) {
    throw new CairnError('weights-unreachable', `${entry.name} ended after ${bytes} of ${total} bytes.`);
  }
  checkSize(entry, bytes);
  return bytes - start;
}

function checkSize(entry: Downloadable, bytes: number): void {
  if (entry.bytes !== undefined && bytes !== entry.bytes) {
    throw wrong(entry, `it has ${bytes} bytes, not ${entry.bytes}`);
  }
  if (bytes > MAX_BYTES) throw wrong(entry, `it has ${bytes} bytes, more than ${MAX_BYTES}`);
}

function wrong({ name }: Downloadable, why: string): CairnError {
  return new CairnError('weights-checksum', `The downloaded file is not ${name}: ${why}. Nothing of it was kept.`);
}
