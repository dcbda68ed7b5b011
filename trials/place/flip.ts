import { open, stat, utimes } from 'node:fs/promises';
import type { Random } from '../random.js';

/** Flips one bit of a file in place, as a disk does: its modification time stays. Returns whether it could. */
export async function flipBit(path: string, random: Random): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found || found.size === 0) return false;
  const file = await open(path, 'r+').catch(() => undefined);
  if (!file) return false;
  try {
    const at = random.below(found.size);
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
    await file.write(Buffer.of(buffer[0]! ^ (1 << random.below(8))), 0, 1, at);
  } catch {
    return false;
  } finally {
    await file.close();
  }
  await utimes(path, found.atime, found.mtime).catch(() => undefined);
  return true;
}
