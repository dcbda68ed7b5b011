import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of its own in memory, mounted on a folder. */
export interface SmallDisk {
  /** Writes a file that leaves so many bytes free, or fewer; returns its path. */
  fill(leaving: number): Promise<string>;
  remount(mode: 'ro' | 'rw'): void;
  unmount(): void;
}

export function mountSmallDisk(folder: string, bytes: number): SmallDisk {
  mkdirSync(folder, { recursive: true });
  mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder);
  return {
    async fill(leaving) {
      const { bavail, bsize } = await statfs(folder);
      const ballast = join(folder, 'ballast');
      // A service that writes meanwhile may take the last bytes.
      await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leaving))).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      });
      return ballast;
    },
    remount: (mode) => mount('-o', `remount,${mode}`, folder),
    unmount: () => void execFileSync('umount', ['--lazy', folder], { stdio: 'pipe' }),
  };
}

/** Whether this user may mount; tests of a full disk are skipped elsewhere. */
export const canMount = ((): boolean => {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-mount-'));
  try {
    mountSmallDisk(folder, 1 << 20).unmount();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: 'pipe' });
}
