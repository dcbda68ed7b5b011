import { describe, expect, test } from '@jest/globals';
import { DTYPES } from '../../../src/backbone/tensor.js';
import { ArchiveReader } from '../../../src/features/archive-reader.js';
import { writeArchive } from '../../../src/features/archive-writer.js';
import { readFloats } from '../../../src/features/read-floats.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';
import { expectNoOpenFiles } from '../../support/open-files.js';
import { useTempDirs } from '../../support/temp-dir.js';
import { largestDifference, numbersOf } from '../../support/tensors.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

describe.each(DTYPES)('%s', (dtype) => {
  test('levels of one band and of several are read whole, as the values that they stand for', async () => {
    const set = featureSet(plansOf(dtype));
    const [store, zstd] = [new FileStore(await tempDir()), await loadZstd()];
    await store.put('a.zarr.zip', writeArchive(set, zstd));
    const archive = await ArchiveReader.open((await store.open('a.zarr.zip'))!, zstd);
    for (const [index, level] of archive.select().entries()) {
      const floats = await readFloats(archive, level);
      const values = Float32Array.from(numbersOf(set.levels[index]!.tensor));
      expect(largestDifference(floats, values)).toBe(0);
    }
    await archive.close();
  });
});
