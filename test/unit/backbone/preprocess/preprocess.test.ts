import { describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decode } from '../../../../src/backbone/preprocess/decode.js';
import { encodeCanvas, preprocess } from '../../../../src/backbone/preprocess/preprocess.js';
import { imageBytes, readGolden } from '../../../support/fixtures.js';
import { useTempDirs } from '../../../support/temp-dir.js';

interface Golden {
  readonly image: string;
  readonly size: number;
  readonly originalShape: number[];
  readonly window: number[];
  readonly scale: number;
  /** `[y, x, r, g, b]` of scikit-image's canvas. */
  readonly samples: [number, number, number, number, number][];
}

const tempDir = useTempDirs();

describe('preprocess', () => {
  test.each(readGolden('preprocess.json') as Golden[])(
    '$image on $size is what Matterport and scikit-image make of it, within one grey level',
    async ({ image, size, samples, scale, ...placed }) => {
      const { pixels, ...canvas } = await preprocess(imageBytes(image), size);
      expect(canvas).toMatchObject({ size, ...placed });
      expect(Math.abs(canvas.scale - scale)).toBeLessThanOrEqual(1e-12 * scale);
      expect(pixels).toHaveLength(size * size * 3);
      const wrong = samples.filter(([y, x, ...rgb]) => {
        const at = (y * size + x) * 3;
        return rgb.some((value, channel) => Math.abs(pixels[at + channel]! - value) > 1);
      });
      expect(wrong).toEqual([]);
      expect(samples.length).toBeGreaterThanOrEqual(81);
    },
  );

  test('an image of the size of the canvas passes through untouched', async () => {
    const bytes = imageBytes('square-128.png');
    const canvas = await preprocess(bytes, 128);
    expect(Buffer.from(canvas.pixels).equals((await decode(bytes)).data)).toBe(true);
    expect(canvas).toMatchObject({ window: [0, 0, 128, 128], scale: 1, originalShape: [128, 128, 3] });
  });

  test('everything outside the window is zero', async () => {
    for (const image of ['landscape.jpg', 'portrait.png']) {
      const { pixels, window, size } = await preprocess(imageBytes(image), 64);
      const [y0, x0, y1, x1] = window;
      const outside = pixels.filter((_, i) => {
        const [y, x] = [Math.floor(i / 3 / size), Math.floor(i / 3) % size];
        return y < y0 || y >= y1 || x < x0 || x >= x1;
      });
      expect(outside.length).toBe((size * size - (y1 - y0) * (x1 - x0)) * 3);
      expect(outside.every((value) => value === 0)).toBe(true);
    }
  });

  test('enlarging does not darken the border below the darkest value, though zeros lie outside', async () => {
    const image = await decode(imageBytes('tiny.png'));
    const darkest = Math.min(...image.data);
    expect(darkest).toBeGreaterThan(0);
    const { pixels, window, size } = await preprocess(imageBytes('tiny.png'), 256);
    const [y0, x0, y1, x1] = window;
    for (let y = y0; y < y1; y++) {
      const row = pixels.subarray((y * size + x0) * 3, (y * size + x1) * 3);
      expect(Math.min(...row)).toBeGreaterThanOrEqual(darkest);
    }
  });

  test('the pixels have their memory to themselves, so that they can be transferred', async () => {
    const { pixels } = await preprocess(imageBytes('tiny.png'), 64);
    expect(pixels.byteOffset).toBe(0);
    expect(pixels.buffer.byteLength).toBe(pixels.byteLength);
  });

  test.each([
    ['empty.jpg', 'image-empty'],
    ['not-an-image.jpg', 'image-unsupported'],
    ['truncated.jpg', 'image-corrupt'],
    ['huge-header.png', 'image-too-large'],
  ])('refuses %s as %s', async (name, code) => {
    await expect(preprocess(imageBytes(name), 64)).rejects.toMatchObject({ code });
  });

  test('passes the limit on pixels on', async () => {
    await expect(preprocess(imageBytes('tiny.png'), 64, { maxPixels: 34 })).rejects.toMatchObject({
      code: 'image-too-large',
    });
  });
});

test('encodeCanvas writes a PNG of the same pixels', async () => {
  const path = join(await tempDir(), 'canvas.png');
  const canvas = await preprocess(imageBytes('portrait.png'), 64);
  await encodeCanvas(canvas, path);
  const { data, height, width } = await decode(await readFile(path));
  expect([height, width]).toEqual([64, 64]);
  expect(data.equals(canvas.pixels)).toBe(true);
});
