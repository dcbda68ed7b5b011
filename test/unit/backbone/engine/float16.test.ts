import { describe, expect, test } from '@jest/globals';
import { clipInfinities, FLOAT16_MAX } from '../../../../src/backbone/engine/float16.js';
import { decodeHalf } from '../../../support/half.js';

describe('clipInfinities', () => {
  test('replaces both infinities by the largest finite value of their sign', () => {
    const halves = Uint16Array.of(0x7c00, 0xfc00);
    expect(clipInfinities(halves)).toBe(true);
    expect(Array.from(halves, decodeHalf)).toEqual([FLOAT16_MAX, -FLOAT16_MAX]);
  });

  test('leaves every other value as it is, and says that there was nothing', () => {
    const finite = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7fff) !== 0x7c00);
    const before = finite.slice();
    expect(clipInfinities(finite)).toBe(false);
    expect(finite).toEqual(before);
  });
});
