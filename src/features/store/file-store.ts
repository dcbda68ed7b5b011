import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { asCairnError, CairnError } from '../../errors.js';
import { readExactly } from '../../files/byte-source.js';
import { makeFolder, sync } from '../../files/durable.js';
import { takeHead, withHead } from '../../files/head.js';
import { writerName, writerState } from '../../files/unfinished-file.js';
import type { Chunks, Store, StoredObject } from './store.js';

/** Prefix of unfinished files, which are hidden in the folder of the finished one, on the same file system. */
const PARTIAL = '.partial.';
/** Smaller uploads are compared with what the store has before anything is written. */
const HEAD_BYTES = 256 << 10;

/**
 * Objects as files below one folder. An object is written to a hidden temporary file, flushed to
 * the disk and renamed, so neither a reader nor a crash ever finds half an object.
 */
export class FileStore implements Store {
  private readonly root: string;

  constructor(root: string) {
    this.root = resolve(root);
  }

  async open(key: string): Promise<StoredObject | undefined> {
    let file: FileHandle;
    try {
      file = await open(this.path(key), 'r');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw storeFailed(error);
    }
    const { size, mtime } = await file.stat();
    return {
      size,
      modified: mtime,
      read: (start, length) =>
        readExactly(file, start, length).catch((cause: unknown) => {
          throw new CairnError('archive-corrupt', `${key} ends before byte ${start + length}.`, { cause });
        }),
      stream: (start, end) => file.createReadStream({ start, end, autoClose: true }),
      close: () => file.close(),
    };
  }

  async has(key: string): Promise<boolean> {
    return access(this.path(key), constants.R_OK).then(
      () => true,
      () => false,
    );
  }

  async put(key: string, chunks: Chunks): Promise<{ size: number }> {
    return this.write(dirname(this.path(key)), chunks, () => this.path(key));
  }

  async putByDigest(prefix: string, chunks: Chunks, maxBytes: number) {
    const hash = createHash('sha256');
    const counted = async function* () {
      let size = 0;
      for await (const chunk of chunks) {
        size += chunk.byteLength;
        if (size > maxBytes)
          throw new CairnError('upload-too-large', `The image exceeds the limit of ${maxBytes} bytes.`);
        hash.update(chunk);
        yield chunk;
      }
    };
    let sha256 = '';
    const target = () => this.path(`${prefix}/${(sha256 ||= hash.digest('hex'))}`);
    const source = counted();
    const { head, whole } = await takeHead(source, HEAD_BYTES).catch((error: unknown) => {
      throw storeFailed(error);
    });
    // Existing bytes need no second flush, only a new modification time; where all of them are in memory, no file either.
    const known = whole && (await renew(target()));
    const size = known
      ? head.byteLength
      : (await this.write(this.path(prefix), withHead(head, source), target, renew)).size;
    return { key: `${prefix}/${sha256}`, sha256, size };
  }

  async delete(key: string): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  async sweep(prefix: string, maxAgeMs: number): Promise<void> {
    const folder = this.path(prefix);
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      if (!found?.isFile()) continue;
      const age = Date.now() - found.mtimeMs;
      const writer = name.startsWith(PARTIAL) ? name.slice(PARTIAL.length) : undefined;
      const old = writer === undefined ? age > maxAgeMs : writerState(writer, age) !== 'active';
      if (old) await rm(path, { force: true });
    }
  }

  /**
   * Writes to a temporary file in `folder`, then renames it to `target()` once all bytes are there, unless
   * `found` accepts an existing file.
   */
  private async write(
    folder: string,
    chunks: Chunks,
    target: () => string,
    found: (path: string) => Promise<boolean> = () => Promise.resolve(false),
  ): Promise<{ size: number }> {
    const partial = join(folder, PARTIAL + writerName());
    let size = 0;
    try {
      await makeFolder(folder);
      const file = await open(partial, 'wx');
      try {
        for await (const chunk of chunks) {
          // Unlike `write`, this goes on after a short write.
          await file.appendFile(chunk);
          size += chunk.byteLength;
        }
      } finally {
        await file.close();
      }
      const path = target();
      if (await found(path)) {
        await rm(partial, { force: true });
        return { size };
      }
      await sync(partial);
      await rename(partial, path);
      await sync(folder);
      return { size };
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      throw storeFailed(error);
    }
  }

  /** Keys come from our own code; even so, none may leave the folder. */
  private path(key: string): string {
    const path = resolve(this.root, key);
    if (!path.startsWith(this.root + sep)) throw new CairnError('store-failed', `The key ${key} leaves the store.`);
    return path;
  }
}

/** Sets a file's modification time to now; false when there is no file. */
async function renew(path: string): Promise<boolean> {
  const now = new Date();
  return utimes(path, now, now).then(
    () => true,
    () => false,
  );
}

/** The message says what failed; the path, which clients need not know, is in the cause. */
function storeFailed(error: unknown): CairnError {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof CairnError || code === undefined || syscall === undefined) {
    return asCairnError(error, 'store-failed');
  }
  return new CairnError('store-failed', `The store failed: ${code} (${syscall}).`, { cause: error });
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
