import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import * as zlib from 'node:zlib';
import { loadZstd, ZSTD_MAKERS, type Zstd } from '../../../src/formats/zstd.js';

const implementations = await Promise.all(Object.values(ZSTD_MAKERS).flatMap((make) => make() ?? []));
const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const samples: [string, Uint8Array][] = [
  ['a byte', Uint8Array.of(7)],
  ['a megabyte of zeros', new Uint8Array(1 << 20)],
  ['what does not compress', randomBytes(100_000)],
  // A band is a slice of its tensor, so the view must be compressed and not the memory under it.
  ['a view into the middle of a buffer', new Uint8Array(randomBytes(1000).buffer, 100, 300)],
];

test('Node’s own zstd is used where there is one, and the addon is always there', async () => {
  expect((await loadZstd()).name === 'node').toBe('zstdCompress' in zlib);
  expect(implementations.map(({ name }) => name)).toContain('@toondepauw/node-zstd');
  expect(implementations.some(({ name }) => name === 'node')).toBe('zstdCompress' in zlib);
});

test('each implementation reads the frames of the others', async () => {
  const data = randomBytes(1000);
  for (const writer of implementations) {
    const frame = await writer.compress(data);
    for (const reader of implementations) expect(data.equals(await reader.decompress(frame, 1000))).toBe(true);
  }
});

describe.each(implementations.map((zstd): [string, Zstd] => [zstd.name, zstd]))('zstd by %s', (_, zstd) => {
  test.each(samples)('brings back %s', async (_, data) => {
    const compressed = await zstd.compress(data);
    expect(Buffer.from(compressed.subarray(0, 4)).equals(MAGIC)).toBe(true);
    const restored = await zstd.decompress(compressed, data.length);
    expect(Buffer.from(restored).equals(data)).toBe(true);
  });

  test.each(samples)('writes frames that declare their length, which some readers need: %s', async (_, data) => {
    expect(declaredLength(Buffer.from(await zstd.compress(data)))).toBe(data.length);
  });

  test('reads frames that others wrote', async () => {
    const raw = handMadeFrame(0, 5, Buffer.from('hello'));
    expect(Buffer.from(await zstd.decompress(raw, 5)).toString()).toBe('hello');
    const repeated = handMadeFrame(1, 200, Buffer.from('z'));
    expect(Buffer.from(await zstd.decompress(repeated, 200)).toString()).toBe('z'.repeat(200));
  });

  test('compresses at all', async () => {
    expect((await zstd.compress(new Uint8Array(1 << 20))).length).toBeLessThan(1000);
  });

  test.each([
    ['one byte less', -1],
    ['one byte more', 1],
    ['ten times as much', 9000],
  ])('a band that has %s than it should is corrupt', async (_, more) => {
    const compressed = await zstd.compress(randomBytes(1000 + more));
    await expect(zstd.decompress(compressed, 1000)).rejects.toMatchObject({ code: 'archive-corrupt' });
  });

  test.each([
    ['garbage', () => Promise.resolve(randomBytes(100).fill(1, 0, 4))],
    ['no bytes', () => Promise.resolve(Buffer.alloc(0))],
    ['a frame that ends early', async () => (await zstd.compress(randomBytes(1000))).subarray(0, 500)],
  ])('%s is corrupt', async (_, make) => {
    await expect(zstd.decompress(await make(), 1000)).rejects.toMatchObject({
      name: 'CairnError',
      code: 'archive-corrupt',
    });
  });

  test('works on several bands at once', async () => {
    const bands = Array.from({ length: 12 }, () => randomBytes(50_000));
    const compressed = await Promise.all(bands.map((band) => zstd.compress(band)));
    const restored = await Promise.all(compressed.map((band) => zstd.decompress(band, 50_000)));
    expect(restored.every((band, i) => bands[i]!.equals(band))).toBe(true);
  });
});

/** RFC 8878, section 3.1.1: a frame of one block, raw (0) or of one repeated byte (1), whose length is one byte. */
function handMadeFrame(blockType: number, length: number, content: Buffer): Buffer {
  const blockHeader = Buffer.alloc(3);
  blockHeader.writeUIntLE((length << 3) | (blockType << 1) | 1, 0, 3);
  return Buffer.concat([MAGIC, Buffer.from([0x20, length]), blockHeader, content]);
}

/** The content size in the header of a frame; undefined if it is not declared. */
function declaredLength(frame: Buffer): number | undefined {
  const descriptor = frame[4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (singleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  switch (descriptor >> 6) {
    case 0:
      return singleSegment ? frame[at] : undefined;
    case 1:
      return frame.readUInt16LE(at) + 256;
    case 2:
      return frame.readUInt32LE(at);
    default:
      return Number(frame.readBigUInt64LE(at));
  }
}
