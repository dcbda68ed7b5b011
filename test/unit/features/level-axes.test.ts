import { describe, expect, test } from '@jest/globals';
import { DTYPES } from '../../../src/backbone/tensor.js';
import { bandsOf } from '../../../src/features/level-axes.js';

const MIB = 1 << 20;
const CHANNELS = { C1: 64, C2: 256, C3: 512, C4: 1024, C5: 2048 };
const STRIDES = { C1: 4, C2: 4, C3: 8, C4: 16, C5: 32 };
const LEVELS = ['C1', 'C2', 'C3', 'C4', 'C5'] as const;

/** Every level of every canvas up to 2048, in every type. */
const CASES = Array.from({ length: 32 }, (_, i) => 64 * (i + 1)).flatMap((size) =>
  LEVELS.flatMap((name) =>
    DTYPES.map((dtype) => {
      const [side, channels] = [size / STRIDES[name], CHANNELS[name]];
      const level = {
        name,
        shape: [side, side, channels] as [number, number, number],
        dtype,
        layout: 'nhwc' as const,
        stride: 4,
        channels,
      };
      const rowBytes = side * channels * { float32: 4, float16: 2, uint8: 1 }[dtype];
      return { size, side, level, rowBytes, bands: bandsOf(level) };
    }),
  ),
);

describe('bandsOf', () => {
  test('divides the height without rest for all canvases up to 2048', () => {
    expect(CASES).toHaveLength(32 * 5 * 3);
    expect(CASES.filter(({ side, bands }) => bands.length * bands.count !== side)).toEqual([]);
    expect(CASES.filter(({ rowBytes, bands }) => bands.bytes !== bands.length * rowBytes)).toEqual([]);
    expect(CASES.filter(({ bands }) => !(Number.isInteger(bands.length) && bands.length >= 1))).toEqual([]);
  });

  test('bands are about 1 MiB at most, unless a single row is more', () => {
    expect(CASES.filter(({ bands }) => bands.length > 1 && bands.bytes > 1.5 * MIB)).toEqual([]);
  });

  test('no taller band would divide the height and stay within 1 MiB', () => {
    const wasteful = CASES.filter(({ side, rowBytes, bands }) => {
      for (let rows = bands.length + 1; rows * rowBytes <= MIB && rows <= side; rows++) {
        if (side % rows === 0) return true;
      }
      return false;
    });
    expect(wasteful).toEqual([]);
  });

  test.each([
    ['C2', [256, 256, 256], 'float32', { length: 4, count: 64, bytes: MIB }],
    ['C5', [32, 32, 2048], 'float16', { length: 8, count: 4, bytes: MIB }],
    ['C2', [256, 256, 256], 'uint8', { length: 16, count: 16, bytes: MIB }],
    ['C4', [4, 4, 1024], 'float16', { length: 4, count: 1, bytes: 32768 }],
    ['C2', [1, 7, 3], 'float32', { length: 1, count: 1, bytes: 84 }],
    ['C2', [13, 1024, 1024], 'float32', { length: 1, count: 13, bytes: 4 * MIB }],
  ] as const)('%s of %j in %s is cut as %j', (name, [height, width, channels], dtype, bands) => {
    expect(bandsOf({ name, shape: [height, width, channels], dtype, layout: 'nhwc', stride: 4, channels })).toEqual({
      ...bands,
      shape: [bands.length, width, channels],
    });
  });
});
