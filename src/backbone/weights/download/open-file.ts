import { open } from 'node:fs/promises';
import { CairnError } from '../../../errors.js';
import type { Answer } from './source.js';

/**
 * Opens the file at `path` from `offset` on.
 *
 * @throws CairnError `weights-unavailable` when it is not there or not for us.
 */
export async function openFile(path: string, offset: number): Promise<Answer> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new CairnError('weights-unavailable', `There is no readable file ${path}.`, { cause });
  });
  const info = await file.stat();
  if (!info.isFile()) {
    await file.close();
    throw new CairnError('weights-unavailable', `${path} is not a file.`);
  }
  const start = offset <= info.size ? offset : 0;
  const chunks = file.createReadStream({ start });
  const close = async () => {
    chunks.destroy();
    await file.close();
  };
  return { start, total: info.size, chunks, close };
}
