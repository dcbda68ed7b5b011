import { expect, test } from '@jest/globals';
import { prefersZstd } from '../../../../src/api/http/send-range.js';

test.each([
  ['zstd', true],
  ['ZSTD ; q=0.5 , gzip;q=0.4', true],
  ['gzip;q=0.9, zstd;q=1.0', true],
  ['identity, zstd', true],
  ['zstd, *;q=0', true],
  ['gzip, deflate, br, zstd', false],
  ['zstd;q=0.5, gzip', false],
  ['zstd;q=0', false],
  ['zstd;q=0.000, gzip', false],
  ['zstd;q=much', false],
  ['gzip, deflate', false],
  ['zstandard', false],
  ['*', false],
  ['', false],
  [undefined, false],
])('Accept-Encoding: %s asks for zstd: %s', (header, asked) => {
  expect(prefersZstd(header)).toBe(asked);
});
