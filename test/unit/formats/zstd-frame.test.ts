import { describe, expect, test } from '@jest/globals';
import { declareContentSize } from '../../../src/formats/zstd-frame.js';
import { loadZstd } from '../../../src/formats/zstd.js';

const zstd = await loadZstd();
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** RFC 8878: the last block, raw, of five bytes. */
const BLOCK = [(5 << 3) | 1, 0, 0, ...Buffer.from('hello')];
/** A frame as a streaming encoder writes it: a window descriptor (1 KiB) and no content size. */
const STREAMED = Buffer.from([...MAGIC, 0x00, 0x00, ...BLOCK]);

describe('declareContentSize', () => {
  test('adds the length in four bytes behind the window, and leaves the blocks as they are', () => {
    expect([...declareContentSize(STREAMED, 5)]).toEqual([...MAGIC, 0x80, 0x00, 5, 0, 0, 0, ...BLOCK]);
    const large = declareContentSize(STREAMED, 0x01020304);
    expect([...large.subarray(6, 10)]).toEqual([4, 3, 2, 1]);
  });

  test('keeps the other flags of the descriptor', () => {
    const withChecksum = Buffer.from(STREAMED);
    withChecksum[4] = 0b0000_0100;
    expect(declareContentSize(withChecksum, 5)[4]).toBe(0b1000_0100);
  });

  test('makes a frame that decodes as before, and does not decode where the length is a lie', async () => {
    expect(Buffer.from(await zstd.decompress(declareContentSize(STREAMED, 5), 5)).toString()).toBe('hello');
    await expect(zstd.decompress(declareContentSize(STREAMED, 6), 6)).rejects.toMatchObject({
      code: 'archive-corrupt',
    });
  });

  test('leaves a frame that tells its length as it is', () => {
    const single = Buffer.from([...MAGIC, 0x20, 5, ...BLOCK]);
    expect(declareContentSize(single, 5)).toBe(single);
    const declared = declareContentSize(STREAMED, 5);
    expect(declareContentSize(declared, 5)).toBe(declared);
  });

  test.each([
    ['no bytes', []],
    ['a magic number and nothing else', MAGIC],
    ['another magic number', [0x27, ...STREAMED.subarray(1)]],
    ['a frame with a dictionary', [...MAGIC, 0x01, 0x00, 0x07, ...BLOCK]],
  ])('refuses %s', (_, bytes) => {
    expect(() => declareContentSize(Buffer.from(bytes), 5)).toThrow(/zstd frame/);
  });
});
