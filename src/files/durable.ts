import { chmod, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writerName } from './unfinished-file.js';

/** Flushes a file or a folder to the disk, by any writer. A rename is durable once its folder is flushed. */
export async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes a folder and those above it, one at a time: Node's recursive `mkdir` never returns where the parent
 * exists and the system still answers ENOENT, as below `/proc`. The folder `root` is not made: it may be a mount that is away.
 */
export async function makeFolder(path: string, root?: string): Promise<void> {
  const failure = await makeOne(path);
  if (!failure) return;
  if (failure.code !== 'ENOENT' || dirname(path) === path || dirname(path) === root) throw failure;
  await makeFolder(dirname(path), root);
  const again = await makeOne(path);
  if (again) throw again;
}

async function makeOne(path: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await mkdir(path);
    return undefined;
  } catch (error) {
    const found = await stat(path).catch(() => undefined);
    return found?.isDirectory() ? undefined : (error as NodeJS.ErrnoException);
  }
}

/** Writes a file, with the given permissions, so that no reader, nor a crash, ever finds half of it. */
export async function writeWhole(path: string, content: string | Uint8Array, mode?: number): Promise<void> {
  const unfinished = `${path}.${writerName()}`;
  try {
    await writeFile(unfinished, content, { mode });
    // Whatever the umask took away.
    if (mode !== undefined) await chmod(unfinished, mode);
    await sync(unfinished);
    await rename(unfinished, path);
    await sync(dirname(path));
  } finally {
    await rm(unfinished, { force: true });
  }
}
