import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { asCairnError, CairnError } from '../../errors.js';
import type { Chunks, Store, StoredObject } from './store.js';

/** Unfinished files begin like this and lie hidden beside what they become, on the same file system. */
const PARTIAL = '.partial';
/** A writer on another host cannot be asked whether it lives; after this long it is taken for dead. */
const PARTIAL_MAX_AGE_MS = 24 * 3600_000;

/**
 * Objects as files below one folder. An object is written to a hidden temporary file, flushed to
 * the disk and renamed, so neither a reader nor a crash ever meets half of one.
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
      throw asCairnError(error, 'store-failed');
    }
    const { size, mtime } = await file.stat();
    return {
      size,
      modified: mtime,
      read: (start, length) => readExactly(file, key, start, length),
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
    const target = () => this.path(`${prefix}/${(sha256 = hash.digest('hex'))}`);
    // Bytes that are there need not be flushed to the disk again; they only become young.
    const { size } = await this.write(this.path(prefix), counted(), target, renew);
    return { key: `${prefix}/${sha256}`, sha256, size };
  }

  async delete(key: string): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  async sweep(prefix: string, maxAgeMs: number): Promise<void> {
    await removeWhere(this.path(prefix), (name, age) =>
      name.startsWith(PARTIAL) ? age > PARTIAL_MAX_AGE_MS || writerIsDead(name) : age > maxAgeMs,
    );
  }

  /**
   * Writes to a temporary file in `folder`, then renames it to what `target` gives once all bytes are there, unless
   * `found` takes what is there already.
   */
  private async write(
    folder: string,
    chunks: Chunks,
    target: () => string,
    found: (path: string) => Promise<boolean> = () => Promise.resolve(false),
  ): Promise<{ size: number }> {
    const partial = join(folder, `${PARTIAL}.${hostname()}.${process.pid}.${randomUUID()}`);
    let size = 0;
    try {
      await mkdir(folder, { recursive: true });
      const file = await open(partial, 'wx');
      let path: string;
      let there: boolean;
      try {
        for await (const chunk of chunks) {
          // Unlike `write`, this goes on after a short write.
          await file.appendFile(chunk);
          size += chunk.byteLength;
        }
        path = target();
        there = await found(path);
        if (!there) await file.sync();
      } finally {
        await file.close();
      }
      if (there) {
        await rm(partial, { force: true });
        return { size };
      }
      await rename(partial, path);
      await syncFolder(folder);
      return { size };
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      throw asCairnError(error, 'store-failed');
    }
  }

  /** Keys come from our own code, yet a key that leaves the folder must never pass. */
  private path(key: string): string {
    const path = resolve(this.root, key);
    if (!path.startsWith(this.root + sep)) throw new CairnError('store-failed', `The key ${key} leaves the store.`);
    return path;
  }
}

/** Makes a file as young as if it had just been written; false when there is none. */
async function renew(path: string): Promise<boolean> {
  const now = new Date();
  return utimes(path, now, now).then(
    () => true,
    () => false,
  );
}

async function readExactly(file: FileHandle, key: string, start: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(buffer, 0, length, start);
  if (bytesRead !== length) throw new CairnError('archive-corrupt', `${key} ends before byte ${start + length}.`);
  return buffer;
}

/** A rename is durable once its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function removeWhere(folder: string, test: (name: string, ageMs: number) => boolean): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() && test(name, Date.now() - found.mtimeMs)) await rm(path, { force: true });
  }
}

/** A temporary file bears its writer's host and process: one of this host that no longer runs has left it behind. */
function writerIsDead(name: string): boolean {
  const [, host, pid] = /^\.partial\.(.+)\.(\d+)\.[0-9a-f-]{36}$/.exec(name) ?? [];
  if (host !== hostname() || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
