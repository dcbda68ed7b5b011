import { expect, test } from '@jest/globals';
import { decode, inspectImage, MAX_PIXELS_SIDE } from '../../../../src/backbone/preprocess/decode.js';
import { encodePixels } from '../../../../src/backbone/preprocess/encode-pixels.js';

/** Every value, in no order that a filter would like. */
function noise(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 167 + (i >> 3) * 31) % 256));
}

test.each([
  [1, 1],
  [3, 5],
  [64, 48],
  [1, MAX_PIXELS_SIDE],
  [MAX_PIXELS_SIDE, 1],
])('%i × %i pixels come back as they were', async (height, width) => {
  const data = noise(height * width * 3);
  const file = Buffer.concat(encodePixels({ data, height, width }));
  const decoded = await decode(file);
  expect([decoded.height, decoded.width, decoded.data.equals(data)]).toEqual([height, width, true]);
});

test('the first piece is enough to inspect the image, and the second is the pixels, uncopied', async () => {
  const pixels = { data: noise(48), height: 4, width: 4 };
  const [header, data] = encodePixels(pixels);
  expect(await inspectImage(header)).toEqual({ format: 'tiff', height: 4, width: 4 });
  expect(data).toBe(pixels.data);
});
