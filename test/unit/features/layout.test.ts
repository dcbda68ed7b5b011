import { beforeAll, describe, expect, test } from '@jest/globals';
import { DTYPES, type Dtype } from '../../../src/backbone/tensor.js';
import { ArchiveReader } from '../../../src/features/archive-reader.js';
import { writeArchive } from '../../../src/features/archive-writer.js';
import { bandsOf } from '../../../src/features/level-axes.js';
import { archiveKey, descriptionSchema, type FeatureSet } from '../../../src/features/feature-set.js';
import { BandBudget } from '../../../src/features/band-budget.js';
import { REGION_BANDS } from '../../../src/features/roi-align/band-cache.js';
import { placeBoxes, ROI_METHODS } from '../../../src/features/roi-align/boxes.js';
import { poolableLevels } from '../../../src/features/roi-align/levels.js';
import { streamRegions } from '../../../src/features/roi-align/stream-regions.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { streamLevels } from '../../../src/features/stream-levels.js';
import { arrayMetadata } from '../../../src/features/zarr-metadata.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { collect } from '../../support/chunks.js';
import { inNchw, pyramid } from '../../support/pyramids.js';
import { parseSafetensors } from '../../support/safetensors-bytes.js';
import { useTempDirs } from '../../support/temp-dir.js';
import { channelsFirst, levelOf } from '../../support/tensors.js';

/** Sets that differ in nothing but their layout: what is read of one is read of the other, transposed. */
const SIZE = 512;
const tempDir = useTempDirs();
const zstd = await loadZstd();

async function opened(set: FeatureSet): Promise<ArchiveReader> {
  const store = new FileStore(await tempDir());
  const key = archiveKey(set.description.id);
  await store.put(key, writeArchive(set, zstd));
  return ArchiveReader.open((await store.open(key))!, zstd);
}

async function safetensorsOf(set: FeatureSet, window?: readonly [number, number, number, number]) {
  const archive = await opened(set);
  const { stream } = await streamLevels(archive, archive.select(), { window });
  return parseSafetensors(await collect(stream as AsyncIterable<Uint8Array>));
}

async function regionsOf(set: FeatureSet, method: (typeof ROI_METHODS)[number]): Promise<Buffer> {
  const archive = await opened(set);
  const boxes = [
    [0, 0, SIZE, SIZE],
    [-30, 40, 120, 555],
    [100.5, 200.25, 180, 230],
    [300, 10, 301, 11],
  ];
  const placed = placeBoxes(boxes, { method, coordinates: 'pixel', format: 'yxyx', size: SIZE });
  const options = { method, outputSize: [7, 5], samplingRatio: method === 'matterport' ? 0 : 2 } as const;
  const levels = poolableLevels(archive.description.levels, archive.select());
  const { stream } = streamRegions(archive, placed, levels, options, new BandBudget(REGION_BANDS).enter());
  return Buffer.from(parseSafetensors(await collect(stream as AsyncIterable<Uint8Array>)).tensors.get('regions')!.data);
}

describe.each(DTYPES)('nchw in %s', (dtype: Dtype) => {
  let [last, first] = [] as unknown as [FeatureSet, FeatureSet];
  beforeAll(() => {
    // P2 has several bands in either layout: rows of all channels, or channels of all rows.
    last = pyramid(SIZE, 96, dtype);
    first = inNchw(last, SIZE);
  });

  test('declares its axes, and bands of whole channels that divide them', () => {
    const [p2] = first.description.levels;
    expect(p2).toMatchObject({ layout: 'nchw', shape: [96, 128, 128], channels: 96 });
    const { length, count, shape } = bandsOf(p2!);
    expect([length * count, shape]).toEqual([96, [length, 128, 128]]);
    expect(count).toBeGreaterThan(1);
    expect(arrayMetadata(p2!)).toMatchObject({
      shape: [96, 128, 128],
      dimension_names: ['channel', 'y', 'x'],
      chunk_grid: { configuration: { chunk_shape: shape } },
    });
  });

  test.each([
    ['whole levels', undefined],
    ['a window', [100, 37, 203, 340]],
    ['a window of one cell', [5, 5, 6, 6]],
    ['a window as wide as the canvas', [64, 0, 128, SIZE]],
  ] as const)('streams %s as nhwc does, transposed', async (_, window) => {
    const [nhwc, nchw] = [await safetensorsOf(last, window), await safetensorsOf(first, window)];
    for (const [name, { shape, data }] of nhwc.tensors) {
      const expected = channelsFirst({ dtype, shape, data: Uint8Array.from(data) });
      const found = nchw.tensors.get(name)!;
      expect(found.shape).toEqual(expected.shape);
      expect(Buffer.from(found.data).equals(expected.data)).toBe(true);
    }
    expect(nchw.metadata.origins).toEqual(nhwc.metadata.origins);
  });

  test.each(ROI_METHODS)('pools the same regions by %s', async (method) => {
    const [nhwc, nchw] = [await regionsOf(last, method), await regionsOf(first, method)];
    expect(nchw.some((byte) => byte !== 0)).toBe(true);
    expect(nchw.equals(nhwc)).toBe(true);
  });
});

test('a description without layouts, as version 0.1 wrote them, is nhwc', () => {
  const { description } = pyramid(SIZE, 8);
  const levels = description.levels.map((level) => ({ ...level, layout: undefined }));
  const read = descriptionSchema.parse(JSON.parse(JSON.stringify({ ...description, levels })));
  expect(read.levels.map(({ layout }) => layout)).toEqual(['nhwc', 'nhwc', 'nhwc', 'nhwc']);
  expect(levelOf(pyramid(SIZE, 8).levels, 'P2').tensor.layout).toBeUndefined();
});
