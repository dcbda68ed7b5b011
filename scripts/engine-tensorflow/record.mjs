// Remembers, inside the package, which libtensorflow its addon was made and proven with: an npm that replaces the
// package takes the memory away with the addon.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Its file in the package's folder. */
export const RECORD = '.cairn-engine.json';

/** What was written last; undefined where there is nothing, or its addon has been replaced since. */
export async function readRecord(packageFolder) {
  try {
    const record = JSON.parse(await readFile(join(packageFolder, RECORD), 'utf8'));
    const { size, mtimeMs } = await stat(record.addon.path);
    return size === record.addon.size && mtimeMs === record.addon.modified ? record : undefined;
  } catch {
    return undefined;
  }
}

export async function writeRecord(packageFolder, { addon, ...record }) {
  const { size, mtimeMs } = await stat(addon);
  const text = JSON.stringify({ ...record, addon: { path: addon, size, modified: mtimeMs } }, null, 2);
  await writeFile(join(packageFolder, RECORD), `${text}\n`);
}
