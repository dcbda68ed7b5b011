/**
 * Archives of feature sets: Zarr v3 groups in zip files, as docs/archive.md describes them.
 *
 * @packageDocumentation
 */
import { basename, dirname } from 'node:path';
import { CairnError } from '../errors.js';
import { ArchiveReader } from '../features/archive-reader.js';
import { writeArchive } from '../features/archive-writer.js';
import type { FeatureSet } from '../features/feature-set.js';
import { FileStore } from '../features/store/file-store.js';
import { loadZstd } from '../formats/zstd.js';

export { ArchiveReader } from '../features/archive-reader.js';
export { writeArchive } from '../features/archive-writer.js';
export type { Description, FeatureSet, LevelDescription } from '../features/feature-set.js';
export { readFloats } from '../features/read-floats.js';
export { loadZstd, type Zstd } from '../formats/zstd.js';

/** Opens an archive, to be closed by the caller. @throws CairnError `features-not-found`, `archive-corrupt`. */
export async function openArchive(path: string): Promise<ArchiveReader> {
  const object = await new FileStore(dirname(path)).open(basename(path));
  if (!object) throw new CairnError('features-not-found', `There is no archive ${path}.`);
  return ArchiveReader.open(object, await loadZstd());
}

/** Writes a feature set to an archive: whole, or not at all. @throws CairnError `store-failed`. */
export async function saveArchive(path: string, set: FeatureSet): Promise<void> {
  await new FileStore(dirname(path)).put(basename(path), writeArchive(set, await loadZstd()));
}
