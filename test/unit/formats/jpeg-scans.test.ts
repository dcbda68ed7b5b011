import { describe, expect, test } from '@jest/globals';
import { imageBytes } from '../../support/fixtures.js';
import { progressiveJpeg, scansOf, withScans } from '../../support/jpeg-scans.js';

const scan = (...data: number[]) => [0xff, 0xda, 0, 4, 1, 1, ...data];
const jpeg = (...bytes: number[]) => Buffer.of(0xff, 0xd8, ...bytes);
const end = [0xff, 0xd9];

describe('JpegScanCounter', () => {
  test.each([1, 2, 3, 7, 64, 1_000_000])(
    'counts the scans of files that come in pieces of %i bytes',
    async (pieceBytes) => {
      const progressive = await progressiveJpeg();
      const [baseline, many] = [imageBytes('astronaut.jpg'), withScans(progressive, 123)];
      const counts = [baseline, progressive, many].map((bytes) => scansOf(bytes, pieceBytes).count);
      expect(counts).toEqual([1, scansOf(progressive).count, 123]);
    },
  );

  test.each<[string, Buffer, number]>([
    ['an escaped byte and restarts of the data', jpeg(...scan(0xff, 0, 0xda, 0xff, 0xd0, 0xff, 0xd7), ...end), 1],
    ['fill bytes before a marker', jpeg(0xff, 0xff, ...scan(1), 0xff, 0xff, ...scan(2), ...end), 2],
    ['a scan within a segment, as that of a thumbnail', jpeg(0xff, 0xe1, 0, 8, ...scan(), ...scan(1), ...end), 1],
    ['what follows the end of the image', jpeg(...scan(1), ...end, ...scan(2)), 1],
    ['an image that ends within a scan', jpeg(...scan(1), 0xff, 0xda, 0), 2],
    ['a segment without content', jpeg(0xff, 0xe0, 0, 2, ...scan(1), ...end), 1],
    ['a length that is a lie', jpeg(0xff, 0xe0, 0, 0, ...scan(1), ...end), 1],
    ['another format', Buffer.of(0x89, 0x50, ...scan(1), ...scan(2)), 0],
    ['no bytes', Buffer.alloc(0), 0],
  ])('%s', (_, bytes, count) => expect(scansOf(bytes, 1).count).toBe(count));
});
