import { chown, open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { asCairnError, CairnError } from '../errors.js';
import { writeWhole } from '../files/durable.js';

/** Only its owner reads it: digests tell nothing, names and quotas do. */
const MODE = 0o600;
const LOCK_WAIT_MS = 5000;
const LOCK_LOOK_MS = 50;

/** A file of keys that does not exist is an empty one. @throws CairnError `store-failed`. */
export async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw failed(path, error);
  }
}

/**
 * Replaces the text of a file of keys by what `change` makes of it: no reader ever sees half of it, and changes at the same
 * time follow one another. Its owner and mode stay as they are; a new file is its owner's alone.
 *
 * @throws CairnError `store-failed`, or what `change` throws.
 */
export async function editKeyFile(path: string, change: (text: string) => string): Promise<void> {
  const unlock = await lock(`${path}.lock`);
  try {
    const text = await readKeyFile(path);
    const before = await stat(path).catch(() => undefined);
    const changed = change(text);
    await writeWhole(path, changed, (before?.mode ?? MODE) & 0o777);
    // The file of another user, changed by root.
    if (before && before.uid !== process.getuid?.()) await chown(path, before.uid, before.gid);
  } catch (error) {
    throw error instanceof CairnError ? error : failed(path, error);
  } finally {
    await unlock();
  }
}

/** A file that only one process can make. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (const deadline = Date.now() + LOCK_WAIT_MS; ;) {
    try {
      await (await open(path, 'wx', MODE)).close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw failed(path, error);
      if (Date.now() > deadline) {
        throw new CairnError('store-failed', `Another command edits the keys; if none does, delete ${path}.`);
      }
      await delay(LOCK_LOOK_MS);
    }
  }
}

function failed(path: string, cause: unknown): CairnError {
  return new CairnError('store-failed', `${path} cannot be read or written.`, { cause: asCairnError(cause) });
}
