import { createHash } from 'node:crypto';
import { CairnError } from '../../errors.js';
import type { Input } from './input.js';

/** File systems allow 255 bytes; extensions and the names of temporary files need some of them. */
const MAX_PART_BYTES = 180;
const DIGEST_DIGITS = 16;
/** Control characters, and characters that some file system reserves. */
const UNSAFE = /[\u0000-\u001f\u007f<>:"|?*\\]/g;

/**
 * The file for a feature set of this name, relative to the output folder. Slashes make subfolders; no name leads out
 * of the folder, is hidden, or exceeds the limits of file systems.
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
  // A character that was cut decodes to a replacement character.
  return `${kept.toString('utf8').replace(/\uFFFD+$/, '')}-${digest}`;
}

/**
 * Refuses an input with two lines for the same file. The names are held in memory, about 100 bytes per line.
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
