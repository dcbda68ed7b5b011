import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { decode, inspectImage } from '../../../../src/backbone/preprocess/decode.js';
import { imageBytes } from '../../../support/fixtures.js';
import { progressiveJpeg, scansOf, withScans } from '../../../support/jpeg-scans.js';
import { largestDifference } from '../../../support/tensors.js';

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="red"/></svg>';
const GIF = Buffer.from('R0lGODlhAQABAIAAAP8AAAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');
const BMP = Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)]);
const HEIC = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
const PPM = Buffer.concat([Buffer.from('P6 2 2 255\n'), Buffer.alloc(12, 7)]);

const refused: [string, string, Buffer, RegExp][] = [
  ['no bytes', 'image-empty', imageBytes('empty.jpg'), /no bytes/],
  ['text', 'image-unsupported', imageBytes('not-an-image.jpg'), /not a readable jpeg, png, webp, tiff, avif image/],
  ['SVG', 'image-unsupported', Buffer.from(SVG), /not a readable .*: it is an SVG drawing\./],
  ['GIF', 'image-unsupported', GIF, /not a readable .*: it is a GIF image\./],
  ['BMP', 'image-unsupported', BMP, /: it is a BMP image\./],
  ['HEIC', 'image-unsupported', HEIC, /: it is a HEIC image\./],
  ['PPM', 'image-unsupported', PPM, /not a readable jpeg, png, webp, tiff, avif image\./],
  ['a header of 3,600 megapixels', 'image-too-large', imageBytes('huge-header.png'), /60000×60000 .*3600 megapixels/],
];

describe('decode', () => {
  test.each(refused)('refuses %s as %s', async (_, code, bytes, message) => {
    const expected = { code, message: expect.stringMatching(message) };
    await expect(decode(bytes)).rejects.toMatchObject(expected);
    await expect(inspectImage(bytes)).rejects.toMatchObject(expected);
  });

  test('refuses data that ends early as image-corrupt, though its header is sound', async () => {
    await expect(inspectImage(imageBytes('truncated.jpg'))).resolves.toMatchObject({ width: 600, height: 400 });
    await expect(decode(imageBytes('truncated.jpg'))).rejects.toMatchObject({ code: 'image-corrupt' });
    const png = imageBytes('portrait.png');
    await expect(decode(png.subarray(0, png.length - 2000))).rejects.toMatchObject({ code: 'image-corrupt' });
  });

  test('the limit is on pixels, and an image of just as many passes', async () => {
    await expect(decode(imageBytes('tiny.png'), { maxPixels: 35 })).resolves.toMatchObject({ height: 5, width: 7 });
    await expect(decode(imageBytes('tiny.png'), { maxPixels: 34 })).rejects.toMatchObject({ code: 'image-too-large' });
  });

  test('no side may be too long, however few pixels there are', async () => {
    const strip = await sharp({ create: { width: 70_000, height: 1, channels: 3, background: '#123' } })
      .png()
      .toBuffer();
    const expected = { code: 'image-too-large', message: expect.stringContaining('each side is 65535') };
    await expect(inspectImage(strip)).rejects.toMatchObject(expected);
    await expect(decode(strip)).rejects.toMatchObject(expected);
    await expect(decode(strip, { maxSide: 70_000 })).resolves.toMatchObject({ width: 70_000, height: 1 });
  });

  test('a JPEG image may have as many scans as the limit, and no more', async () => {
    const image = await progressiveJpeg();
    const { count } = scansOf(image);
    expect(count).toBeGreaterThan(5);
    await expect(decode(image, { maxScans: count })).resolves.toMatchObject({ height: 64, width: 64 });
    await expect(decode(image, { maxScans: count - 1 })).rejects.toMatchObject({ code: 'image-unsupported' });
    const bomb = withScans(image, 101);
    await expect(inspectImage(bomb)).resolves.toMatchObject({ format: 'jpeg' });
    await expect(decode(bomb)).rejects.toMatchObject({ message: expect.stringContaining('more than 100 scans') });
  });

  test.each(['alpha.png', 'cmyk.jpg', 'palette.png', 'sixteen-bit.png'])(
    '%s becomes three channels of 8 bits',
    async (name) => {
      const { data, height, width } = await decode(imageBytes(name));
      expect([height, width]).toEqual([64, 96]);
      expect(data).toHaveLength(64 * 96 * 3);
    },
  );

  // The fixtures show one picture in several colour models; the one of 16 bits holds it without loss.
  test.each([
    ['palette.png', 10],
    ['cmyk.jpg', 25],
  ])('%s shows the same picture', async (name, tolerance) => {
    const [picture, exact] = [await decode(imageBytes(name)), await decode(imageBytes('sixteen-bit.png'))];
    const sum = picture.data.reduce((total, value, i) => total + Math.abs(value - exact.data[i]!), 0);
    expect(sum / picture.data.length).toBeLessThan(tolerance);
  });

  test('transparency is laid over black', async () => {
    const [alpha, opaque] = [await decode(imageBytes('alpha.png')), await decode(imageBytes('sixteen-bit.png'))];
    // The fixture fades in from the left edge to the right one.
    const expected = opaque.data.map((value, i) => Math.round((value * (Math.floor(i / 3) % 96)) / 95));
    expect(largestDifference(alpha.data, expected)).toBeLessThanOrEqual(2);
  });

  test('applies the EXIF orientation and gives grey images three equal channels', async () => {
    const header = await inspectImage(imageBytes('grey-exif6.jpg'));
    expect(header).toEqual({ format: 'jpeg', height: 160, width: 213 });
    const { data, height, width } = await decode(imageBytes('grey-exif6.jpg'));
    expect([height, width]).toEqual([213, 160]);
    const coloured = data.filter((value, i) => value !== data[i - (i % 3)]);
    expect(coloured).toHaveLength(0);
  });
});

test('inspectImage tells the format and the stored size', async () => {
  const header = await inspectImage(imageBytes('portrait.png'));
  expect(header).toEqual({ format: 'png', height: 231, width: 183 });
});
