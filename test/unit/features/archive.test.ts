import { describe, expect, test } from '@jest/globals';
import { DTYPES, type Level } from '../../../src/backbone/tensor.js';
import { ArchiveReader } from '../../../src/features/archive-reader.js';
import { writeArchive } from '../../../src/features/archive-writer.js';
import { bandsOf } from '../../../src/features/level-axes.js';
import { archiveKey, describeLevel, type FeatureSet } from '../../../src/features/feature-set.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { streamLevels } from '../../../src/features/stream-levels.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { collect } from '../../support/chunks.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';
import { expectNoOpenFiles } from '../../support/open-files.js';
import { parseSafetensors } from '../../support/safetensors-bytes.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const zstd = await loadZstd();

/** Writes the set to a store on disk and opens it again. */
async function stored(set: FeatureSet): Promise<ArchiveReader> {
  const store = new FileStore(await tempDir());
  const key = archiveKey(set.description.id);
  await store.put(key, writeArchive(set, zstd));
  return ArchiveReader.open((await store.open(key))!, zstd);
}

describe.each(DTYPES)('an archive of %s', (dtype) => {
  const set = featureSet(plansOf(dtype));
  const bytesOf = (level: Level) => Buffer.from(level.tensor.data);

  test('gives back each band bit by bit, and bands are slices of the tensor', async () => {
    const reader = await stored(set);
    const counts: number[] = [];
    for (const level of set.levels) {
      const { count, bytes } = bandsOf(describeLevel(level));
      for (let band = 0; band < count; band++) {
        const expected = bytesOf(level).subarray(band * bytes, (band + 1) * bytes);
        expect(expected.equals(await reader.band(describeLevel(level), band))).toBe(true);
      }
      counts.push(count);
    }
    await reader.close();
    // The fixture is of use only if it has a level of several bands.
    expect(Math.max(...counts)).toBeGreaterThan(1);
  });

  test('gives back the description', async () => {
    const reader = await stored(set);
    expect(reader.description).toEqual(set.description);
    await reader.close();
  });

  test('streams its levels as safetensors that equal the tensors, and is closed afterwards', async () => {
    const reader = await stored(set);
    const { length, stream } = await streamLevels(reader, reader.select());
    const file = await collect(stream as AsyncIterable<Uint8Array>);
    expect(file).toHaveLength(length!);
    const { tensors } = parseSafetensors(file);
    expect([...tensors.keys()]).toEqual(set.levels.map((level) => level.name));
    for (const level of set.levels) expect(bytesOf(level).equals(tensors.get(level.name)!.data)).toBe(true);
  });

  test('streams the selected levels only', async () => {
    const reader = await stored(set);
    const { length, stream } = await streamLevels(reader, reader.select(['C4', 'C2']));
    const file = await collect(stream as AsyncIterable<Uint8Array>);
    expect(file).toHaveLength(length!);
    const { tensors } = parseSafetensors(file);
    expect([...tensors.keys()]).toEqual(['C2', 'C4']);
    expect(bytesOf(set.levels[2]!).equals(tensors.get('C4')!.data)).toBe(true);
  });
});

describe('ArchiveReader', () => {
  const set = featureSet(plansOf('float16'));

  test('selects levels in the order of the archive, and says which it has when one is absent', async () => {
    const reader = await stored(set);
    expect(reader.select().map(({ name }) => name)).toEqual(['C2', 'C3', 'C4']);
    expect(reader.select(['C3', 'C2', 'C3']).map(({ name }) => name)).toEqual(['C2', 'C3']);
    expect(() => reader.select(['C2', 'C5'])).toThrow(
      expect.objectContaining({ code: 'level-absent', message: 'This feature set holds C2, C3, C4, not C5.' }),
    );
    await reader.close();
  });

  test('a stream that is given up closes the file', async () => {
    for (const chunks of [0, 1, 2]) {
      const { stream } = await stored(set).then((reader) => streamLevels(reader, reader.select()));
      const iterator = stream[Symbol.asyncIterator]();
      for (let i = 0; i < chunks; i++) await iterator.next();
      stream.destroy();
    }
  });

  test('may be closed twice', async () => {
    const reader = await stored(set);
    await reader.close();
    await expect(reader.close()).resolves.toBeUndefined();
  });
});

describe('writeArchive', () => {
  const set = featureSet(plansOf('float32'));

  test('the same set gives the same bytes', async () => {
    const [first, second] = [await collect(writeArchive(set, zstd)), await collect(writeArchive(set, zstd))];
    expect(first.equals(second)).toBe(true);
  });

  test('works on a few bands at a time only', async () => {
    let [working, most] = [0, 0];
    const counting = {
      ...zstd,
      compress: async (data: Uint8Array) => {
        most = Math.max(most, ++working);
        return zstd.compress(data).finally(() => working--);
      },
    };
    const tall = featureSet([{ name: 'C2', shape: [64, 256, 1024], dtype: 'float16' }]);
    await collect(writeArchive(tall, counting));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(6);
  });

  test('keeps the order though later bands are ready first', async () => {
    let delay = 40;
    const slowest = {
      ...zstd,
      compress: async (data: Uint8Array) => {
        await new Promise((resolve) => setTimeout(resolve, (delay = Math.max(0, delay - 10))));
        return zstd.compress(data);
      },
    };
    expect((await collect(writeArchive(set, slowest))).equals(await collect(writeArchive(set, zstd)))).toBe(true);
  });

  test('stops with cancelled when the signal is aborted, and the store keeps nothing', async () => {
    const stop = new AbortController();
    const store = new FileStore(await tempDir());
    const cancelling = {
      ...zstd,
      compress: (data: Uint8Array) => {
        stop.abort();
        return zstd.compress(data);
      },
    };
    const key = archiveKey(set.description.id);
    const putting = store.put(key, writeArchive(set, cancelling, stop.signal));
    await expect(putting).rejects.toMatchObject({ code: 'cancelled' });
    expect(await store.has(key)).toBe(false);
  });

  test('a band that does not compress fails the archive', async () => {
    const failing = { ...zstd, compress: () => Promise.reject(new Error('out of memory')) };
    await expect(collect(writeArchive(set, failing))).rejects.toThrow('out of memory');
  });
});
