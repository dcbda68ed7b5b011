import { describe, expect, test } from '@jest/globals';
import type { Layout, Level } from '../../../src/backbone/tensor.js';
import { describeLevel, type LevelDescription } from '../../../src/features/feature-set.js';
import { bandImage, decodeBand, encodeBandImage } from '../../../src/features/jpeg-band.js';
import { bandsOf, jpegChunk } from '../../../src/features/level-axes.js';
import { arrayMetadata } from '../../../src/features/zarr-metadata.js';

const QUALITY = 90;

/** Smooth maps, each channel at another height: what leaks into a neighbour shows. */
function levelOf(layout: Layout, [height, width, channels]: readonly [number, number, number]) {
  const planes = new Uint8Array(height * width * channels);
  const data = new Uint8Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const plane = (c * height + y) * width + x;
        planes[plane] = (c % 2) * 128 + ((y + x) % 64);
        data[layout === 'nhwc' ? (y * width + x) * channels + c : plane] = planes[plane];
      }
    }
  }
  const quantization = { scale: 0.5, zeroPoint: 3 };
  const shape = [channels, height, width];
  const tensor = { dtype: 'uint8', layout: 'nchw', shape, data: planes, quantization } as const;
  const level: Level = { name: 'C2', stride: 4, tensor, clipped: false };
  return { level, data, described: describeLevel(level, { codec: 'jpeg', quality: QUALITY, layout }) };
}

const encodeBand = (planes: Uint8Array, level: LevelDescription, band: number) =>
  encodeBandImage(bandImage(planes, level, band), level, band);

const bandsIn = ({ data, described }: { data: Uint8Array; described: LevelDescription }) => {
  const { count, bytes } = bandsOf(described);
  return Array.from({ length: count }, (_, band) => data.subarray(band * bytes, (band + 1) * bytes));
};

describe.each(['nhwc', 'nchw'] as const)('%s', (layout) => {
  test.each([
    { shape: [64, 64, 512], of: 'several bands' },
    { shape: [37, 21, 9], of: 'sides that are no multiple of 8' },
    { shape: [2, 2, 2048], of: 'maps smaller than a block' },
    { shape: [40, 8, 2048], of: 'as many planes as an image holds' },
  ] as const)('$shape: $of', async ({ shape }) => {
    const level = levelOf(layout, shape);
    const bands = bandsIn(level);
    expect(Buffer.concat(bands).equals(level.data)).toBe(true);
    for (const [band, bytes] of bands.entries()) {
      const back = await decodeBand(
        await encodeBand(level.level.tensor.data, level.described, band),
        level.described,
        band,
      );
      expect(back).toHaveLength(bytes.length);
      const worst = back.reduce((most, value, i) => Math.max(most, Math.abs(value - bytes[i]!)), 0);
      expect(worst).toBeLessThan(8);
    }
  });

  test('chunks are whole blocks and fit into an image', () => {
    for (const shape of [
      [256, 256, 256],
      [32, 32, 2048],
      [37, 37, 2048],
      [1024, 1024, 64],
    ] as const) {
      const { described } = levelOf(layout, shape);
      const chunk = jpegChunk(described);
      const [rows, columns, channels] = layout === 'nhwc' ? chunk : [chunk[1], chunk[2], chunk[0]];
      expect([rows % 8, columns % 8]).toEqual([0, 0]);
      expect(rows * channels).toBeLessThanOrEqual(65_500);
      const { count, length } = bandsOf(described);
      expect(count * chunk[0]).toBeGreaterThanOrEqual(described.shape[0]);
      expect(count).toBe(Math.ceil(described.shape[0] / length));
    }
  });

  test('is described by codecs of zarr-extensions', () => {
    const { described } = levelOf(layout, [16, 16, 8]);
    const transpose = { name: 'transpose', configuration: { order: [2, 0, 1] } };
    expect(arrayMetadata(described)).toMatchObject({
      data_type: 'uint8',
      codecs: [
        ...(layout === 'nhwc' ? [transpose] : []),
        { name: 'reshape', configuration: { shape: [[0, 1], [2]] } },
        { name: 'jpeg', configuration: { quality: QUALITY } },
      ],
    });
  });
});

test('a damaged image is a corrupt archive', async () => {
  const { described, level } = levelOf('nhwc', [16, 16, 8]);
  const jpeg = await encodeBand(level.tensor.data, described, 0);
  await expect(decodeBand(jpeg.subarray(0, 200), described, 0)).rejects.toMatchObject({ code: 'archive-corrupt' });
});
