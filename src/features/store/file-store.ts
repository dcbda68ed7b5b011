import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, opendir, readdir, rename, rm, stat, statfs, writeFile, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { asCairnError, CairnError } from '../../errors.js';
import { readExactly } from '../../files/byte-source.js';
import { makeFolder, sync } from '../../files/durable.js';
import { takeHead, withHead } from '../../files/head.js';
import { writerName, writerState } from '../../files/unfinished-file.js';
import { holds, isThere, linkUnlessThere, renew } from './file-writes.js';
import { fromSource, SourceFailure } from './source.js';
import { storeError, storeUnavailable } from './store-errors.js';
import type { ProbedStore, StoreRole } from './store-health.js';
import { readMarker, writeMarker } from './store-marker.js';
import { quarantineKey, type Chunks, type Store, type StoredObject } from './store.js';

/** Prefix of unfinished files, which are hidden in the folder of the finished one, on the same file system. */
const PARTIAL = '.partial.';
/** Smaller uploads are compared with what the store has before anything is written. */
const HEAD_BYTES = 256 << 10;
/** A block of most file systems: room for less shows nothing. */
const PROBE = Buffer.alloc(4096, 'probe');

/**
 * Objects as files below one folder. An object is written to a hidden temporary file, flushed to
 * the disk and renamed, so neither a reader nor a crash ever finds half an object.
 */
export class FileStore implements Store, ProbedStore {
  private readonly root: string;
  private id: string | undefined;

  /** A store with less than `reserveBytes` of space counts as full: what is being written still has room then. */
  constructor(
    root: string,
    private readonly reserveBytes = 0,
  ) {
    this.root = resolve(root);
  }

  async identify(role: StoreRole): Promise<string> {
    const id = role === 'owner' ? await writeMarker(this.root) : await readMarker(this.root);
    if (id === undefined) throw storeUnavailable('its folder is missing or empty: no server has made it a store yet');
    return (this.id = id);
  }

  async probe(): Promise<void> {
    await this.checkPresent();
    const probe = join(this.root, `.probe.${hostname()}.${process.pid}`);
    try {
      const { bavail, bsize } = await statfs(this.root);
      if (bavail * bsize < this.reserveBytes) {
        throw new CairnError('store-full', `The store has less than ${this.reserveBytes} bytes of space left.`);
      }
      await writeFile(probe, PROBE);
    } catch (error) {
      throw storeError(error);
    } finally {
      await rm(probe, { force: true }).catch(() => undefined);
    }
  }

  /** @throws CairnError `store-unavailable` where the folder is gone, or is not the store that was identified. */
  async checkPresent(): Promise<void> {
    if (this.id === undefined) {
      if (!(await isThere(this.root))) throw storeUnavailable('its folder is missing');
      return;
    }
    const found = await readMarker(this.root);
    if (found === undefined) throw storeUnavailable('its folder is missing or empty');
    if (found !== this.id) throw storeUnavailable('another store is in its place');
  }

  async open(key: string): Promise<StoredObject | undefined> {
    let file: FileHandle;
    try {
      file = await open(this.path(key), 'r');
    } catch (error) {
      if (!isMissing(error)) throw storeError(error);
      await this.checkKnown();
      return undefined;
    }
    const { size, mtime } = await file.stat();
    return {
      size,
      modified: mtime,
      read: (start, length) =>
        readExactly(file, start, length).catch((cause: unknown) => {
          // A disk that cannot be read is not a damaged object.
          if ((cause as NodeJS.ErrnoException).code !== undefined) throw storeError(cause);
          throw new CairnError('archive-corrupt', `${key} ends before byte ${start + length}.`, { cause });
        }),
      stream: (start, end) => file.createReadStream({ start, end, autoClose: true }),
      close: () => file.close(),
    };
  }

  async has(key: string): Promise<boolean> {
    try {
      await access(this.path(key), constants.R_OK);
      return true;
    } catch (error) {
      if (!isMissing(error)) throw storeError(error);
      await this.checkKnown();
      return false;
    }
  }

  async renew(key: string): Promise<boolean> {
    const renewed = await renew(this.path(key));
    if (!renewed) await this.checkKnown();
    return renewed;
  }

  async put(key: string, chunks: Chunks, signal?: AbortSignal): Promise<{ size: number }> {
    return this.write(dirname(this.path(key)), chunks, () => this.path(key), { signal });
  }

  async add(key: string, chunks: Chunks, signal?: AbortSignal): Promise<{ size: number }> {
    return this.write(dirname(this.path(key)), chunks, () => this.path(key), { finish: linkUnlessThere, signal });
  }

  async putByDigest(prefix: string, chunks: Chunks, maxBytes: number, signal?: AbortSignal) {
    const hash = createHash('sha256');
    const counted = async function* () {
      let size = 0;
      for await (const chunk of fromSource(chunks, signal)) {
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
      throw storeError(ownError(error));
    });
    // Existing bytes need no second flush, only a new modification time; where all of them are in memory, no file either.
    const found = async (path: string, size: number) => (await holds(path, sha256, size)) && (await renew(path));
    const known = whole && (await found(target(), head.byteLength));
    const size = known
      ? head.byteLength
      : (await this.write(this.path(prefix), withHead(head, source), target, { found })).size;
    return { key: `${prefix}/${sha256}`, sha256, size };
  }

  async *list(prefix: string): AsyncGenerator<string> {
    const folder = await opendir(this.path(prefix)).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw storeError(error);
    });
    if (!folder) return;
    for await (const entry of folder) {
      if (entry.isFile() && !entry.name.startsWith(PARTIAL)) yield `${prefix}/${entry.name}`;
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  async quarantine(key: string, modified: Date): Promise<boolean> {
    const [path, target] = [this.path(key), this.path(quarantineKey(key))];
    try {
      if ((await stat(path)).mtime.getTime() !== modified.getTime()) return false;
      await makeFolder(dirname(target), this.marked);
      await rename(path, target);
      // Its age is that of the damage from now on.
      await renew(target);
      return true;
    } catch (error) {
      if (!isMissing(error)) throw storeError(error);
      await this.checkKnown();
      return false;
    }
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
   * Writes to a temporary file in `folder`, then gives it the name `target()` by `finish` once all bytes are there, unless
   * `found` accepts an existing file.
   */
  private async write(
    folder: string,
    chunks: Chunks,
    target: () => string,
    { found, finish = rename, signal }: WriteOptions = {},
  ): Promise<{ size: number }> {
    const partial = join(folder, PARTIAL + writerName());
    let size = 0;
    try {
      // The folder under a missing mount is no place for objects: they would be hidden when the mount is back.
      await this.checkKnown();
      await makeFolder(folder, this.marked);
      const file = await open(partial, 'wx');
      try {
        for await (const chunk of fromSource(chunks, signal)) {
          // Unlike `write`, this goes on after a short write.
          await file.appendFile(chunk);
          size += chunk.byteLength;
        }
      } finally {
        await file.close();
      }
      const path = target();
      if (await found?.(path, size)) {
        await rm(partial, { force: true });
        return { size };
      }
      await sync(partial);
      await finish(partial, path);
      await sync(folder);
      return { size };
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      if (error instanceof SourceFailure) throw asCairnError(ownError(error), 'store-failed');
      if (isMissing(error)) await this.checkKnown();
      throw storeError(error);
    }
  }

  /** The root of a store that was identified: it is never made anew, its mount may be away. */
  private get marked(): string | undefined {
    return this.id === undefined ? undefined : this.root;
  }

  /** Where something is not there: whether the store is. */
  private async checkKnown(): Promise<void> {
    if (this.id !== undefined) await this.checkPresent();
  }

  /** Keys come from our own code; even so, none may leave the folder. */
  private path(key: string): string {
    const path = resolve(this.root, key);
    if (!path.startsWith(this.root + sep)) throw new CairnError('store-failed', `The key ${key} leaves the store.`);
    return path;
  }
}

interface WriteOptions {
  readonly found?: (path: string, size: number) => Promise<boolean>;
  readonly finish?: (from: string, to: string) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** The error of a source that others have read before. */
function ownError(error: unknown): unknown {
  return error instanceof SourceFailure ? ownError(error.cause) : error;
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
