import type { Readable } from 'node:stream';
import type { ImageIntake } from '../../images/intake.js';
import type { GivenOptions } from '../../jobs/options.js';
import { clipName, MAX_NAME_BYTES, refusal, refuse, type Entry } from './entry.js';

export interface ImageFile {
  /** Its position among the files, from 1. */
  readonly line: number;
  /** Its name in the container: a label, never a path. */
  readonly name: string;
  readonly options: GivenOptions;
}

/**
 * Stores one image of a batch. A refused image is drained and reported as an entry, so that the other images continue.
 *
 * @throws CairnError when the batch as a whole cannot continue.
 */
export async function imageEntry(file: ImageFile, bytes: Readable, intake: ImageIntake): Promise<Entry> {
  const { line, options } = file;
  // A stream that is being drained may still fail, when it has no other listener left.
  bytes.on('error', () => undefined);
  const name = clipName(file.name);
  if (name !== file.name) {
    bytes.resume();
    return refuse({ line, name }, 'option-invalid', `The name of file ${line} is longer than ${MAX_NAME_BYTES} bytes.`);
  }
  try {
    return { line, name, options, source: await intake.receive(bytes) };
  } catch (error) {
    return { line, name, error: refusal(error) };
  }
}

/** Whether a member is not a packed file: a folder, a hidden file, or metadata that a file manager added. */
export function isHidden(name: string): boolean {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.length === 0 || parts.some((part) => part.startsWith('.') || part === '__MACOSX');
}
