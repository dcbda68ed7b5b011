import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { readdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of the checkout: a C file is not part of the build. */
const SOURCE = fileURLToPath(new URL('../../../trials/place/world.c', import.meta.url));

/** What processes believe of the disk and of the time, by a library that is loaded into them: see world.c. */
export class World {
  private constructor(
    private readonly library: string,
    private readonly folder: string,
  ) {}

  /** Undefined where there is no C compiler, or no Linux. */
  static prepare(folder: string): World | undefined {
    if (process.platform !== 'linux') return undefined;
    const library = join(folder, 'world.so');
    try {
      execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl'], { stdio: 'pipe' });
    } catch {
      return undefined;
    }
    return new World(library, folder);
  }

  /** What a process must be started with to have a clock of its own, and to note what it has synced. */
  env(name: string): Record<string, string> {
    this.setClock(name, 0);
    return {
      LD_PRELOAD: this.library,
      CAIRN_CLOCK_FILE: this.clockFile(name),
      CAIRN_SYNCED_LOG: this.syncedLog(name),
    };
  }

  /** Sets the clock of a process off by so many seconds, at once; 0 is right. */
  setClock(name: string, seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    const file = this.clockFile(name);
    // In place: the process has the file mapped.
    writeFileSync(file, bytes, { flag: existsSync(file) ? 'r+' : 'w' });
  }

  /**
   * Takes from the append-only files of a killed Redis what it had not synced, which is what a power cut takes. Returns how
   * many bytes went.
   */
  async cutPower(name: string, redisFolder: string): Promise<number> {
    const synced = new Map<number, number>();
    for (const line of (await readFile(this.syncedLog(name), 'utf8')).split('\n')) {
      const [inode, size] = line.split(' ').map(Number);
      if (size !== undefined) synced.set(inode!, size);
    }
    const folder = join(redisFolder, 'appendonlydir');
    let lost = 0;
    for (const file of await readdir(folder)) {
      if (!file.endsWith('.incr.aof')) continue;
      const path = join(folder, file);
      const { ino, size } = await stat(path);
      const kept = synced.get(ino) ?? 0;
      lost += size - kept;
      await truncate(path, kept);
    }
    return lost;
  }

  private clockFile(name: string): string {
    return join(this.folder, `${name}.clock`);
  }

  private syncedLog(name: string): string {
    return join(this.folder, `${name}.synced`);
  }
}
