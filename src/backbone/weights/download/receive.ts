import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { CairnError } from '../../../errors.js';
import type { Answer, Patience, Source } from './source.js';
import type { PartFile } from './part-file.js';
import type { PublishedWeights } from '../published.js';

/** The limit where the catalogue does not know the size: four times the largest file that it lists. */
const MAX_BYTES = 1 << 30;

export interface ReceiveOptions extends Patience {
  /** Bytes that are there, those of an earlier try included, and the length of the file where it is known. */
  readonly onProgress?: ((bytes: number, total: number | undefined) => void) | undefined;
}

/**
 * Receives into `part` what it lacks of the file of `entry`, and checks the whole.
 *
 * @returns the number of bytes received.
 * @throws CairnError `weights-checksum`, `cancelled`, and what the source throws.
 */
export async function receive(
  source: Source,
  entry: PublishedWeights,
  part: PartFile,
  options: ReceiveOptions,
): Promise<number> {
  const had = await part.size();
  let received = 0;
  if (had !== entry.bytes) {
    const answer = await source(had <= limitOf(entry) ? had : 0, options);
    try {
      received = await take(answer, entry, part, options);
    } finally {
      await answer.close();
    }
  }
  const md5 = await md5Of(part.path);
  if (md5 !== entry.md5) throw wrong(entry, `its MD5 is ${md5}, not ${entry.md5}`);
  return received;
}

async function take(answer: Answer, entry: PublishedWeights, part: PartFile, options: ReceiveOptions): Promise<number> {
  const { start, total, chunks } = answer;
  const { signal, onProgress } = options;
  if (total !== undefined) checkSize(entry, total);
  let bytes = start;
  const counted = async function* () {
    onProgress?.(bytes, entry.bytes ?? total);
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      if (bytes > limitOf(entry)) throw wrong(entry, `it has more than ${limitOf(entry)} bytes`);
      yield chunk;
      onProgress?.(bytes, entry.bytes ?? total);
    }
  };
  try {
    await part.write(start, counted(), signal);
  } catch (cause) {
    if (signal?.aborted) throw new CairnError('cancelled', `The download of ${entry.name} was cancelled.`, { cause });
    throw cause;
  }
  if (total !== undefined && bytes < total) {
    throw new CairnError('weights-unreachable', `${entry.name} ended after ${bytes} of ${total} bytes.`);
  }
  checkSize(entry, bytes);
  return bytes - start;
}

function checkSize(entry: PublishedWeights, bytes: number): void {
  if (entry.bytes !== undefined && bytes !== entry.bytes) {
    throw wrong(entry, `it has ${bytes} bytes, not ${entry.bytes}`);
  }
  if (bytes > MAX_BYTES) throw wrong(entry, `it has ${bytes} bytes, more than ${MAX_BYTES}`);
}

function limitOf({ bytes }: PublishedWeights): number {
  return bytes ?? MAX_BYTES;
}

function wrong({ name }: PublishedWeights, why: string): CairnError {
  return new CairnError('weights-checksum', `What was downloaded is not ${name}: ${why}. Nothing of it was kept.`);
}

/** Of a whole file, in hexadecimal digits. */
export async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
