import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, rename, rm, stat, utimes } from 'node:fs/promises';

/**
 * Gives a finished file its name, unless another has it already. File systems without hard links leave a moment in which
 * two writers do not see each other; then the later one's equal object stays.
 */
export async function linkUnlessThere(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && !NO_LINKS.includes(code)) throw error;
    if (code !== 'EEXIST' && !(await isThere(path))) return rename(partial, path);
  }
  await rm(partial, { force: true });
}

const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

export function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Whether a file has the bytes of this digest. */
export async function holds(path: string, sha256: string, size: number): Promise<boolean> {
  try {
    if ((await stat(path)).size !== size) return false;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    return hash.digest('hex') === sha256;
  } catch {
    return false;
  }
}

/** Sets a file's modification time to now; false when there is no file. One that cannot be written to is there all the same. */
export async function renew(path: string): Promise<boolean> {
  const now = new Date();
  return utimes(path, now, now).then(
    () => true,
    () => isThere(path),
  );
}
