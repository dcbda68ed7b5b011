import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asCairnError, CairnError } from '../../errors.js';
import { PartFile } from './download/part-file.js';
import { md5Of, receive, type ReceiveOptions } from './download/receive.js';
import type { Source } from './download/source.js';
import { sourcesOf } from './download/sources-of.js';
import type { PublishedWeights } from './published.js';

const SILENCE_MS = 30_000;

export interface DownloadOptions extends Partial<ReceiveOptions> {
  /** An HTTP(S) URL, a file URL or the path of a folder that is asked instead of the publisher. */
  readonly mirror?: string | undefined;
  /** Replaces a file that is there and is another one. */
  readonly force?: boolean | undefined;
}

/**
 * Brings the file of `entry` to the path `target`. Nothing but the right file ever takes that name:
 * it is received beside it, compared as a whole with the MD5 of the catalogue, flushed and renamed.
 * What a broken-off download received stays in `<target>.part`, and the next goes on from there; a
 * wrong file is removed. Several processes may do this at once, see `PartFile`.
 *
 * @returns the number of bytes received by this call: 0 when the right file was there already.
 * @throws CairnError `weights-checksum` for a wrong file, `weights-unreachable` for what can pass,
 *   `weights-unavailable` where the file is not offered, `weights-conflict` when another file is at
 *   `target`, `store-failed` when the disk refuses, `option-invalid` for the mirror, `cancelled`.
 */
export async function downloadWeights(
  entry: PublishedWeights,
  target: string,
  { mirror, force = false, silenceMs = SILENCE_MS, ...options }: DownloadOptions = {},
): Promise<number> {
  const sources = sourcesOf(entry, mirror);
  try {
    if (await isThere(entry, target, force)) return 0;
    await mkdir(dirname(target), { recursive: true });
    const part = await PartFile.claim(target);
    try {
      const received = await receiveFromAny(sources, entry, part, { silenceMs, ...options });
      // Somebody else may have been faster.
      if (await isThere(entry, target, force)) await part.discard();
      else await part.publish();
      return received;
    } catch (error) {
      const { code } = asCairnError(error);
      const wrong = code === 'weights-checksum' || code === 'weights-conflict';
      // Where this fails as well, the first error tells more.
      await (wrong ? part.discard() : part.rest()).catch(() => undefined);
      throw error;
    }
  } catch (error) {
    throw asCairnError(error, 'store-failed');
  }
}

async function isThere(entry: PublishedWeights, target: string, force: boolean): Promise<boolean> {
  const found = await stat(target).catch(() => undefined);
  if (!found) return false;
  if (found.isFile() && (await md5Of(target)) === entry.md5) return true;
  if (force) return false;
  throw new CairnError('weights-conflict', `${target} is there and is not ${entry.name}; only force replaces it.`);
}

/** Takes the first source whose file is the right one. */
async function receiveFromAny(
  sources: readonly Source[],
  entry: PublishedWeights,
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
