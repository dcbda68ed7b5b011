import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PIECE_BYTES = 1 << 20;

/** A disk of its own in memory, mounted on a folder. */
export interface SmallDisk {
  /** Writes a file that leaves so many bytes free, or fewer; returns its path. */
  fill(leaving: number): Promise<string>;
  /** @throws Error while a file is open for writing, for `ro`. */
  remount(mode: 'ro' | 'rw'): void;
  /** Sets the size to what is in use and so many bytes: the disk is full without a file that fills it. */
  shrink(leaving: number): Promise<void>;
  /** Gives it the size back that it was made with. */
  grow(): void;
  unmount(): void;
}

export function mountSmallDisk(folder: string, bytes: number): SmallDisk {
  mkdirSync(folder, { recursive: true });
  mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder);
  return {
    async fill(leaving) {
      const { bavail, bsize } = await statfs(folder);
      const path = join(folder, 'ballast');
      const ballast = await open(path, 'w');
      try {
        for (let rest = bavail * bsize - leaving; rest > 0; rest -= PIECE_BYTES) {
          await ballast.appendFile(Buffer.alloc(Math.min(rest, PIECE_BYTES)));
        }
      } catch (error) {
        // A service that writes meanwhile may take the last bytes.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        await ballast.close();
      }
      return path;
    },
    remount: (mode) => mount('-o', `remount,${mode}`, folder),
    async shrink(leaving) {
      const { blocks, bfree, bsize } = await statfs(folder);
      mount('-o', `remount,size=${(blocks - bfree) * bsize + leaving}`, folder);
    },
    grow: () => mount('-o', `remount,size=${bytes}`, folder),
    unmount: () => void execFileSync('umount', ['--lazy', folder], { stdio: 'pipe' }),
  };
}

/** Whether this user may mount. */
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
