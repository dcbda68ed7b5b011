import { execFileSync, spawnSync } from 'node:child_process';
import { readdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('./note-syncs.c', import.meta.url));

/** Whether power cuts can be simulated: a compiler is needed, and a loader that obeys `LD_PRELOAD`. */
export const canCutPower = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;

/** Knows how much of a program's files has reached the disk, as its fsync calls tell. */
export class DiskCache {
  private constructor(
    /** Environment of the program. */
    readonly env: Readonly<Record<string, string>>,
    private readonly notes: string,
  ) {}

  /** `folder` is for files of this alone. */
  static make(folder: string): DiskCache {
    const library = join(folder, 'note-syncs.so');
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl']);
    const notes = join(folder, 'syncs');
    return new DiskCache({ LD_PRELOAD: library, NOTE_SYNCS: notes }, notes);
  }

  /** Cuts the files of a folder that end in `suffix` to what was on the disk; returns the bytes lost. */
  async lose(folder: string, suffix: string): Promise<number> {
    const synced = new Map<string, number>();
    for (const line of (await readFile(this.notes, 'utf8')).trimEnd().split('\n')) {
      const [, bytes, path] = /^(\d+) (.*)$/.exec(line)!;
      synced.set(path!, Number(bytes));
    }
    let lost = 0;
    for (const name of (await readdir(folder)).filter((entry) => entry.endsWith(suffix))) {
      const path = join(folder, name);
      const [kept, { size }] = [synced.get(path) ?? 0, await stat(path)];
      await truncate(path, kept);
      lost += size - kept;
    }
    return lost;
  }
}
