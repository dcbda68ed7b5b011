import { Decoder } from '@toondepauw/node-zstd';
import { describe, expect, test } from '@jest/globals';
import type { QuantizationParameters } from '../../../src/backbone/quantization.js';
import { DTYPES, type Dtype } from '../../../src/backbone/tensor.js';
import { ArchiveReader } from '../../../src/features/archive-reader.js';
import { writeArchive } from '../../../src/features/archive-writer.js';
import { archiveKey, describeLevel } from '../../../src/features/feature-set.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { SENT_DTYPES } from '../../../src/features/level-values.js';
import { streamLevels, type StreamOptions } from '../../../src/features/stream-levels.js';
import { cutOf } from '../../../src/features/window.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { collect } from '../../support/chunks.js';
import { countReads } from '../../support/counting-store.js';
import { expectNoOpenFiles } from '../../support/open-files.js';
import { numberLevel, setOf } from '../../support/pyramids.js';
import { parseSafetensors } from '../../support/safetensors-bytes.js';
import { useTempDirs } from '../../support/temp-dir.js';
import { largestAbsolute, largestDifference, numbersOf } from '../../support/tensors.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const zstd = await loadZstd();
const set = setOf(
  [numberLevel('P2', [128, 128, 128], 4, 'float16'), numberLevel('P3', [64, 64, 128], 8, 'float16')],
  512,
);
const WINDOW = [100, 33, 203.5, 400] as const;
const TYPES: Readonly<Record<string, Dtype>> = { F32: 'float32', F16: 'float16', U8: 'uint8' };

async function archiveOf(of = set) {
  const files = new FileStore(await tempDir());
  const key = archiveKey(of.description.id);
  await files.put(key, writeArchive(of, zstd));
  const { store, bytes } = countReads(files);
  const archive = await ArchiveReader.open((await store.open(key))!, zstd);
  const opened = bytes();
  return { archive, bytesRead: () => bytes() - opened };
}

async function streamed(options: StreamOptions, of = set) {
  const { archive, bytesRead } = await archiveOf(of);
  const { stream, length } = await streamLevels(archive, archive.select(), options);
  const file = await collect(stream as AsyncIterable<Uint8Array>);
  return { file, length, archive, bytesRead };
}

describe('a check before the stream', () => {
  test('of a window is all that is read of it', async () => {
    const { archive, bytesRead } = await archiveOf();
    const levels = archive.select(['P3']);
    const window = [0, 0, 16, 16] as const;
    await archive.check(levels, window, { keep: true });
    const checked = bytesRead();
    expect(checked).toBeGreaterThan(0);
    const { stream } = await streamLevels(archive, levels, { window });
    const file = await collect(stream as AsyncIterable<Uint8Array>);
    expect(bytesRead()).toBe(checked);
    const { archive: unchecked } = await archiveOf();
    const other = await streamLevels(unchecked, unchecked.select(['P3']), { window });
    expect(file.equals(await collect(other.stream as AsyncIterable<Uint8Array>))).toBe(true);
  });

  test('keeps a megabyte at most: the rest is read again', async () => {
    const { archive, bytesRead } = await archiveOf();
    const levels = archive.select();
    const stored = levels.reduce((total, level) => total + archive.storedBytes(level), 0);
    await archive.check(levels, undefined, { keep: true });
    const { stream } = await streamLevels(archive, levels);
    await collect(stream as AsyncIterable<Uint8Array>);
    expect(stored).toBeGreaterThan(2 << 20);
    expect(bytesRead()).toBeGreaterThan(2 * stored - (1 << 20) - 1);
  });
});

describe('a window', () => {
  test('is cut out of each level, and the header tells where', async () => {
    const { file, length } = await streamed({ window: WINDOW });
    expect(file).toHaveLength(length!);
    const { tensors, metadata } = parseSafetensors(file);
    for (const { name, stride, tensor } of set.levels) {
      const [, width, channels] = tensor.shape as [number, number, number];
      const [rows, columns] = cutOf(describeLevel(set.levels.find((level) => level.name === name)!), WINDOW);
      expect([rows[0], columns[0]]).toEqual([Math.floor(100 / stride), Math.floor(33 / stride)]);
      expect(tensors.get(name)!.shape).toEqual([rows[1] - rows[0], columns[1] - columns[0], channels]);
      const row = (y: number) => [(y * width + columns[0]) * channels * 2, (y * width + columns[1]) * channels * 2];
      const parts = Array.from({ length: rows[1] - rows[0] }, (_, i) => tensor.data.subarray(...row(rows[0] + i)));
      expect(tensors.get(name)!.data.equals(Buffer.concat(parts))).toBe(true);
    }
    expect(metadata).toMatchObject({
      window: '[42,0,213,256]',
      cutWindow: '[100,33,203.5,400]',
      origins: '{"P2":[25,8],"P3":[12,4]}',
    });
  });

  test('reads only the bands that it touches', async () => {
    const { bytesRead, archive } = await streamed({ window: [0, 0, 4, 512] });
    const stored = archive.select().map((level) => archive.storedBytes(level));
    expect(bytesRead()).toBeLessThan(0.3 * stored[0]! + 1.01 * stored[1]!);
    expect(bytesRead()).toBeGreaterThan(0.2 * stored[0]!);
  });
});

describe('as frames of zstd', () => {
  test('whole levels are sent as they are stored, and decode to the plain stream', async () => {
    const { file, length } = await streamed({ compressed: true });
    expect(file).toHaveLength(length!);
    const plain = await streamed({});
    expect(file.length).toBeLessThan(plain.file.length);
    expect((await new Decoder().decode(file)).equals(plain.file)).toBe(true);
  });

  test('whole levels are not decompressed on the way', async () => {
    const { archive } = await archiveOf();
    const refusing = { ...zstd, decompress: () => Promise.reject(new Error('not to be called')) };
    Object.assign(archive, { zstd: refusing });
    const { stream } = await streamLevels(archive, archive.select(), { compressed: true });
    expect(await collect(stream as AsyncIterable<Uint8Array>)).not.toHaveLength(0);
  });

  test('so is a window, whose length is not known beforehand', async () => {
    const { file, length } = await streamed({ window: WINDOW, compressed: true });
    expect(length).toBeUndefined();
    expect((await new Decoder().decode(file)).equals((await streamed({ window: WINDOW })).file)).toBe(true);
  });
});

describe.each(DTYPES)('levels of %s in another type', (stored) => {
  // P2 has several bands.
  const levels = [numberLevel('P2', [128, 128, 96], 4, stored), numberLevel('P3', [64, 64, 24], 8, stored)];
  const given = setOf(levels, 512);

  /** Each level of a file: the numbers that it stands for. */
  function valuesIn(file: Buffer) {
    const { tensors, metadata } = parseSafetensors(file);
    const quantization = JSON.parse(metadata['quantization'] ?? '{}') as Record<string, QuantizationParameters>;
    return [...tensors].map(([name, { dtype, shape, data }]) => {
      const own = quantization[name];
      const tensor = { dtype: TYPES[dtype]!, shape, data: Uint8Array.from(data), ...(own && { quantization: own }) };
      return { dtype, shape, values: numbersOf(tensor) };
    });
  }

  describe.each(SENT_DTYPES)('%s', (as) => {
    test.each([
      ['whole levels', {}],
      ['a window', { window: WINDOW }],
      ['a window of whole rows', { window: [0, 0, 512, 512] as const }],
    ])('%s have the values of the stored ones, and the length that is announced', async (_, options) => {
      const [sent, plain] = [await streamed({ ...options, as }, given), await streamed(options, given)];
      expect(sent.file).toHaveLength(sent.length!);
      const [found, expected] = [valuesIn(sent.file), valuesIn(plain.file)];
      expect(found.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
      for (const [i, { dtype, values }] of found.entries()) {
        expect(dtype).toBe(as === 'float32' ? 'F32' : 'F16');
        const tolerance = as === 'float32' ? 1e-6 : 2 ** -11;
        const largest = largestAbsolute(expected[i]!.values);
        expect(largestDifference(values, expected[i]!.values)).toBeLessThan(tolerance * largest);
      }
      const { quantization, ...others } = parseSafetensors(plain.file).metadata;
      expect(parseSafetensors(sent.file).metadata).toEqual(others);
      expect(quantization !== undefined).toBe(stored === 'uint8');
    });

    test('are compressed on the way, and decode to the plain stream', async () => {
      for (const options of [{ as }, { as, window: WINDOW }]) {
        const [packed, plain] = [
          await streamed({ ...options, compressed: true }, given),
          await streamed(options, given),
        ];
        expect((await new Decoder().decode(packed.file)).equals(plain.file)).toBe(true);
        expect(packed.length).toBe(stored === as && !options.window ? packed.file.length : undefined);
      }
    });

    test('are converted band by band, a few at a time', async () => {
      const { archive } = await archiveOf(given);
      let [working, most] = [0, 0];
      const band = archive.band.bind(archive);
      archive.band = async (...args) => {
        most = Math.max(most, ++working);
        return band(...args).finally(() => working--);
      };
      const { stream } = await streamLevels(archive, archive.select(), { as });
      await collect(stream as AsyncIterable<Uint8Array>);
      expect(most).toBeLessThanOrEqual(3);
    });
  });
});
