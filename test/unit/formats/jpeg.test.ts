import { expect, test } from '@jest/globals';
import sharp from 'sharp';
import { decodeJpeg, encodeJpeg } from '../../../src/formats/jpeg.js';

const [WIDTH, HEIGHT] = [24, 40];
/** A slope that a block of JPEG holds well. */
const slope = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i % WIDTH) * 4 + Math.floor(i / WIDTH) * 3);

test('a grey image comes back near enough, nearer with more quality', async () => {
  const errors: number[] = [];
  for (const quality of [30, 75, 100]) {
    const jpeg = await encodeJpeg(slope, WIDTH, HEIGHT, quality);
    const back = await decodeJpeg(jpeg, WIDTH, HEIGHT);
    expect(back).toHaveLength(slope.length);
    errors.push(Math.max(...back.map((value, i) => Math.abs(value - slope[i]!))));
  }
  expect(errors[2]).toBeLessThanOrEqual(1);
  expect(errors[1]).toBeLessThanOrEqual(errors[0]!);
  expect(errors[0]).toBeLessThan(24);
});

test('the file is baseline JPEG of one component, with one step for all frequencies', async () => {
  const jpeg = await encodeJpeg(slope, WIDTH, HEIGHT, 75);
  expect(await sharp(jpeg).metadata()).toMatchObject({ format: 'jpeg', channels: 1, isProgressive: false });
  const at = jpeg.indexOf(Buffer.from([0xff, 0xdb]));
  expect(new Set(jpeg.subarray(at + 5, at + 5 + 64))).toEqual(new Set([8]));
});

test.each([
  ['another size', () => encodeJpeg(slope, WIDTH, HEIGHT, 75), WIDTH, HEIGHT - 8],
  ['a truncated file', async () => (await encodeJpeg(slope, WIDTH, HEIGHT, 75)).subarray(0, -60), WIDTH, HEIGHT],
  ['no JPEG', () => Promise.resolve(Buffer.from('no JPEG')), WIDTH, HEIGHT],
])('%s is refused', async (_, make, width, height) => {
  const bytes = await make();
  await expect(decodeJpeg(bytes, width, height)).rejects.toThrow();
});
