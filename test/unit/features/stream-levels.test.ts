import { Decoder } from '@toondepauw/node-zstd';
import { describe, expect, test } from '@jest/globals';
import { ArchiveReader } from '../../../src/features/archive-reader.js';
import { writeArchive } from '../../../src/features/archive-writer.js';
import { archiveKey, describeLevel } from '../../../src/features/feature-set.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { streamLevels, type StreamOptions } from '../../../src/features/stream-levels.js';
import { cutOf } from '../../../src/features/window.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { collect } from '../../support/chunks.js';
import { countReads } from '../../support/counting-store.js';
import { expectNoOpenFiles } from '../../support/open-files.js';
import { numberLevel, setOf } from '../../support/pyramids.js';
import { parseSafetensors } from '../../support/safetensors-bytes.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const zstd = await loadZstd();
const set = setOf(
  [numberLevel('P2', [128, 128, 128], 4, 'float16'), numberLevel('P3', [64, 64, 128], 8, 'float16')],
  512,
);
const WINDOW = [100, 33, 203.5, 400] as const;

async function stored() {
  const files = new FileStore(await tempDir());
  const key = archiveKey(set.description.id);
  await files.put(key, writeArchive(set, zstd));
  const { store, bytes } = countReads(files);
  const archive = await ArchiveReader.open((await store.open(key))!, zstd);
  const opened = bytes();
  return { archive, bytesRead: () => bytes() - opened };
}

async function streamed(options: StreamOptions) {
  const { archive, bytesRead } = await stored();
  const { stream, length } = await streamLevels(archive, archive.select(), options);
  const file = await collect(stream as AsyncIterable<Uint8Array>);
  return { file, length, archive, bytesRead };
}

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
    const { archive } = await stored();
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
