import { expect, test } from '@jest/globals';
import { writeArchive } from '../../../src/features/archive-writer.js';
import { archiveKey } from '../../../src/features/feature-set.js';
import { FeatureLibrary } from '../../../src/features/library.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { countReads } from '../../support/counting-store.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';
import { expectNoOpenFiles } from '../../support/open-files.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
expectNoOpenFiles();
const zstd = await loadZstd();

test('a description is read once per archive, and again when the archive was written again or is gone', async () => {
  const files = new FileStore(await tempDir());
  const { store, bytes } = countReads(files);
  const library = new FeatureLibrary({ open: (key) => store.open(key), has: (key) => files.has(key) }, zstd);
  const set = featureSet(plansOf('float16'));
  const { id } = set.description;
  const key = archiveKey(id);
  expect(await library.find(id)).toBeUndefined();

  await files.put(key, writeArchive(set, zstd));
  expect(await library.find(id)).toEqual(set.description);
  const read = bytes();
  expect(await library.find(id)).toEqual(set.description);
  expect(await library.describe(id)).toEqual(set.description);
  expect(bytes()).toBe(read);

  await files.delete(key);
  expect(await library.find(id)).toBeUndefined();
  await expect(library.describe(id)).rejects.toMatchObject({ code: 'features-not-found' });

  const later = featureSet(plansOf('float16'), { createdAt: '2025-01-01T00:00:00.000Z' });
  await files.put(key, writeArchive(later, zstd));
  expect(await library.describe(id)).toEqual(later.description);
});

test('what is no id finds nothing', async () => {
  const library = new FeatureLibrary(new FileStore(await tempDir()), zstd);
  for (const id of ['', '../features', 'AB'.repeat(32)]) expect(await library.find(id)).toBeUndefined();
});
