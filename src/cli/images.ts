import { access, constants, readFile } from 'node:fs/promises';
import { CairnError } from '../errors.js';

/** @throws CairnError `image-missing`. */
export async function readImage(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

/**
 * Checks that an image can be opened, before a network is compiled for it.
 *
 * @returns why it cannot.
 */
export async function findImageProblem(path: string): Promise<CairnError | undefined> {
  return access(path, constants.R_OK).then(
    () => undefined,
    (cause: unknown) => unreadable(path, cause),
  );
}

function unreadable(path: string, cause: unknown): CairnError {
  return new CairnError('image-missing', `${path} cannot be read.`, { cause });
}
