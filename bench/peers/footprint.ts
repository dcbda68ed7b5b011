import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { peakMemoryMb } from '../service.js';
import { sum } from '../statistics.js';

/** The sum over processes and all that descend from them and still live of the most memory that each ever held. */
export async function peakOfTreeMb(pids: readonly number[]): Promise<number> {
  const parents = new Map<number, number>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const text = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => undefined);
    // The name, in parentheses, may contain anything.
    const parent = text && /^.*\) \S (\d+)/s.exec(text)?.[1];
    if (parent) parents.set(Number(entry), Number(parent));
  }
  const belongs = (pid: number): boolean => pids.includes(pid) || (parents.has(pid) && belongs(parents.get(pid)!));
  const peaks = [...parents.keys()].filter(belongs).map((pid) => peakMemoryMb(pid).catch(() => 0));
  return sum(await Promise.all(peaks));
}

/** Empties a folder and returns how many bytes its files had. */
export async function takeStock(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  await Promise.all((await readdir(folder)).map((name) => rm(join(folder, name), { recursive: true })));
  return sum(sizes);
}
