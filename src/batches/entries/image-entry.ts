import type { Readable } from 'node:stream';
import type { ImageIntake } from '../../images/intake.js';
import type { GivenOptions } from '../../jobs/options.js';
import { clipName, MAX_NAME_BYTES, refusal, refuse, type Entry } from './entry.js';

export interface ImageFile {
  /** Its place among the files, from 1. */
  readonly line: number;
  /** As its container calls it: a label, never a path. */
  readonly name: string;
  readonly options: GivenOptions;
}

/**
 * Keeps one image out of many. One that is refused is read past and told of; the others go on.
 *
 * @throws CairnError when the whole cannot go on.
 */
export async function imageEntry(file: ImageFile, bytes: Readable, intake: ImageIntake): Promise<Entry> {
  const { line, options } = file;
  // What is read past may break off later, when nobody listens to it any more.
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

/** What archives hold beside the files that were packed: folders, and what file managers leave behind. */
export function isHidden(name: string): boolean {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.length === 0 || parts.some((part) => part.startsWith('.') || part === '__MACOSX');
}
