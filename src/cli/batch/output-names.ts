import { createHash } from 'node:crypto';
import { CairnError } from '../../errors.js';
import type { Input } from './input.js';

/** File systems take 255 bytes; an extension and the name of an unfinished file need some of them. */
const MAX_PART_BYTES = 180;
const DIGEST_DIGITS = 16;
/** Control characters, and what some file system takes for something else than a letter of a name. */
const UNSAFE = /[\u0000-\u001f\u007f<>:"|?*\\]/g;

/**
 * The file a feature set of this name is written to, relative to the folder of outputs. Slashes make folders;
 * nothing leads out of the folder, is hidden, or is more than a file system takes.
 */
export function outputName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return `${parts.map(safePart).join('/') || '_'}.safetensors`;
}

function safePart(part: string): string {
  const safe = part.replace(UNSAFE, '_').replace(/^\./, '_').replace(/[. ]$/, '_');
  if (Buffer.byteLength(safe) <= MAX_PART_BYTES) return safe;
  const digest = createHash('sha256').update(part).digest('hex').slice(0, DIGEST_DIGITS);
  const kept = Buffer.from(safe).subarray(0, MAX_PART_BYTES - DIGEST_DIGITS - 1);
  // A letter that was cut in the middle would decode to a replacement character.
  return `${kept.toString('utf8').replace(/\uFFFD+$/, '')}-${digest}`;
}

/**
 * Refuses an input of which two lines would write the same file. The names are held in memory, about
 * 100 bytes a line.
 *
 * @throws CairnError `output-conflict`.
 */
export async function refuseConflicts(input: Input): Promise<void> {
  const owners = new Map<string, number>();
  for await (const { line, name } of input()) {
    if (name === undefined) continue;
    const file = outputName(name);
    const other = owners.get(file);
    if (other !== undefined) {
      throw new CairnError(
        'output-conflict',
        `Lines ${other} and ${line} would both be written to ${file}; give them different names.`,
      );
    }
    owners.set(file, line);
  }
}
