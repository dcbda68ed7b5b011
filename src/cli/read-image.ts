import { readFile } from 'node:fs/promises';
import { CairnError } from '../errors.js';

/** @throws CairnError `image-missing`. */
export async function readImage(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new CairnError('image-missing', `${path} cannot be read.`, { cause });
  });
}
