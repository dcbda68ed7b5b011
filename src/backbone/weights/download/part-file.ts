import { createWriteStream } from 'node:fs';
import { open, readdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { sync } from '../../../files/durable.js';
import { isWriterName, writerName, writerState } from '../../../files/unfinished-file.js';

/**
 * An unfinished download. At rest it is `<target>.part`; to work on it, a process first renames it to
 * `<target>.<writer>.part`. A rename has one winner, so no two processes ever write the same file: each of
 * several concurrent downloads has a whole file, and the last rename to `target` replaces a file with an
 * equal one. The next download takes over the file of a process of this host that was killed.
 */
export class PartFile {
  private constructor(
    private readonly target: string,
    readonly path: string,
  ) {}

  /** Takes over the rest of an earlier download to `target`, else begins an empty file. */
  static async claim(target: string): Promise<PartFile> {
    const path = `${target}.${writerName()}.part`;
    for (const left of await leftovers(target, ['dead'])) {
      try {
        await rename(left, path);
        return new PartFile(target, path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    await (await open(path, 'wx')).close();
    return new PartFile(target, path);
  }

  async size(): Promise<number> {
    return (await stat(this.path)).size;
  }

  /** Replaces the bytes from `start` on by `chunks`, and flushes them to the disk. */
  async write(start: number, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    await truncate(this.path, start);
    await pipeline(chunks, createWriteStream(this.path, { flags: 'r+', start }), { signal });
    await sync(this.path);
  }

  async empty(): Promise<void> {
    await truncate(this.path);
  }

  /** Moves the complete file to `target`. */
  async publish(): Promise<void> {
    await rename(this.path, this.target);
    await sync(dirname(this.target));
    await this.discard();
  }

  /** Leaves the file for a later download. */
  async rest(): Promise<void> {
    if ((await this.size()) === 0) await rm(this.path);
    else await rename(this.path, `${this.target}.part`);
  }

  /** Removes the file, and those of other writers that no longer work on theirs. */
  async discard(): Promise<void> {
    const others = await leftovers(this.target, ['dead', 'silent']);
    for (const path of [this.path, ...others]) await rm(path, { force: true });
  }
}

/** Where files of other downloads to `target` may lie: the one at rest, and those whose writers are in one of `states`. */
async function leftovers(target: string, states: readonly string[]): Promise<string[]> {
  const found = [`${target}.part`];
  const prefix = `${basename(target)}.`;
  for (const name of await readdir(dirname(target))) {
    const writer = name.slice(prefix.length, -'.part'.length);
    if (!name.startsWith(prefix) || !name.endsWith('.part') || !isWriterName(writer)) continue;
    const path = join(dirname(target), name);
    const info = await stat(path).catch(() => undefined);
    if (info && states.includes(writerState(writer, Date.now() - info.mtimeMs))) found.push(path);
  }
  return found;
}
