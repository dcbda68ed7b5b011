import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, readdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A writer on another host cannot be asked whether it lives; after this long it is taken for dead. */
const MAX_AGE_MS = 24 * 3600_000;

/**
 * An unfinished download. At rest it is `<target>.part`; whoever works on it first renames it to a
 * name of their own that bears host, process and a random id. A rename has one winner, so no two
 * processes ever write the same file: each of several that pull at once has a whole download, and
 * the last rename to `target` replaces a file with an equal one. What a killed process of this host
 * left behind is taken up by the next.
 */
export class PartFile {
  private constructor(
    private readonly target: string,
    readonly path: string,
  ) {}

  /** Takes up what is left of an earlier download to `target`, else begins an empty file. */
  static async claim(target: string): Promise<PartFile> {
    const path = `${target}.${hostname()}.${process.pid}.${randomUUID()}.part`;
    const { dead } = await leftovers(target);
    for (const left of [resting(target), ...dead]) {
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

  /** Writes `chunks` from byte `start` on and drops what was there; they are on the disk when it returns. */
  async write(start: number, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    await truncate(this.path, start);
    await pipeline(chunks, createWriteStream(this.path, { flags: 'r+', start }), { signal });
    await sync(this.path);
  }

  async empty(): Promise<void> {
    await truncate(this.path);
  }

  /** Puts the file, which is whole, in the place of `target`. */
  async publish(): Promise<void> {
    await rename(this.path, this.target);
    // A rename is durable once its folder is.
    await sync(dirname(this.target));
    await this.clear();
  }

  /** Leaves the file to be taken up later. */
  async rest(): Promise<void> {
    if ((await this.size()) === 0) await rm(this.path);
    else await rename(this.path, resting(this.target));
  }

  async discard(): Promise<void> {
    await rm(this.path, { force: true });
    await this.clear();
  }

  /** Removes what others left behind, as far as nobody works on it. */
  private async clear(): Promise<void> {
    const { dead, aged } = await leftovers(this.target);
    for (const path of [resting(this.target), ...dead, ...aged]) await rm(path, { force: true });
  }
}

function resting(target: string): string {
  return `${target}.part`;
}

/** Files of other writers: of dead ones on this host, and of silent ones elsewhere. */
async function leftovers(target: string): Promise<{ dead: string[]; aged: string[] }> {
  const found: { dead: string[]; aged: string[] } = { dead: [], aged: [] };
  const prefix = `${basename(target)}.`;
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(prefix)) continue;
    const [, host, pid] = /^(.+)\.(\d+)\.[0-9a-f-]{36}\.part$/.exec(name.slice(prefix.length)) ?? [];
    if (pid === undefined) continue;
    const path = join(dirname(target), name);
    if (host === hostname() && !isRunning(Number(pid))) found.dead.push(path);
    else if (await olderThan(path, MAX_AGE_MS)) found.aged.push(path);
  }
  return found;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function olderThan(path: string, ms: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > ms;
}

/** Has what was written to a file or folder, by whomever, on the disk. */
async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
