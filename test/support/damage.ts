import { open, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { fromBufferPromise } from 'yauzl';

/** Flips one bit in the middle of an entry of an archive, as a disk does: its modification time stays. */
export async function flipEntry(path: string, name: string): Promise<void> {
  const bytes = await readFile(path);
  const zip = await fromBufferPromise(bytes);
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName !== name) continue;
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    return flipAt(path, fileDataStart + Math.floor(entry.compressedSize / 2));
  }
  throw new Error(`${path} has no entry ${name}`);
}

/** The names of the entries of an archive, in its order. */
export async function entryNames(path: string): Promise<string[]> {
  const zip = await fromBufferPromise(await readFile(path));
  const names: string[] = [];
  for await (const { fileName } of zip.eachEntry()) names.push(fileName);
  return names;
}

/** Flips one bit of a file in place: its modification time stays. */
export async function flipAt(path: string, offset: number): Promise<void> {
  const { atime, mtime } = await stat(path);
  const file = await open(path, 'r+');
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, offset);
    await file.write(Buffer.of(buffer[0]! ^ 0x10), 0, 1, offset);
  } finally {
    await file.close();
  }
  await utimes(path, atime, mtime);
}

/** Cuts a file down to a share of its bytes. */
export async function cutTo(path: string, share: number): Promise<void> {
  const { size } = await stat(path);
  if (share === 0) await writeFile(path, '');
  else await truncate(path, Math.floor(size * share));
}
