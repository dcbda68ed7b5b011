import { describe, expect, test } from '@jest/globals';
import { LAYOUTS, type Level } from '../../../../src/backbone/tensor.js';
import { ArchiveReader } from '../../../../src/features/archive-reader.js';
import { writeArchive } from '../../../../src/features/archive-writer.js';
import { archiveKey, describeLevel, type FeatureSet } from '../../../../src/features/feature-set.js';
import { placeBoxes, ROI_METHODS, type Box, type RoiMethod } from '../../../../src/features/roi-align/boxes.js';
import { poolableLevels } from '../../../../src/features/roi-align/levels.js';
import { BandBudget } from '../../../../src/features/band-budget.js';
import { REGION_BANDS } from '../../../../src/features/roi-align/band-cache.js';
import { RegionReader, type RoiOptions } from '../../../../src/features/roi-align/region-reader.js';
import { streamRegions } from '../../../../src/features/roi-align/stream-regions.js';
import { FileStore } from '../../../../src/features/store/file-store.js';
import { loadZstd } from '../../../../src/formats/zstd.js';
import { collect } from '../../../support/chunks.js';
import { countReads } from '../../../support/counting-store.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { inNchw, numberLevel, pyramid, setOf } from '../../../support/pyramids.js';
import { parseSafetensors } from '../../../support/safetensors-bytes.js';
import { useTempDirs } from '../../../support/temp-dir.js';
import { largestDifference, levelOf, numbersOf, randomNumbers } from '../../../support/tensors.js';

/** The share of a reader beside which there is no other. */
const alone = () => new BandBudget(REGION_BANDS).enter();

const tempDir = useTempDirs();
expectNoOpenFiles();

const zstd = await loadZstd();
const { abs, ceil, floor, fround, max, min } = Math;

/** Keeps a set in a store that counts what is read of it. */
async function stored(set: FeatureSet) {
  const files = new FileStore(await tempDir());
  const key = archiveKey(set.description.id);
  await files.put(key, writeArchive(set, zstd));
  const { store, bytes } = countReads(files);
  const archive = await ArchiveReader.open((await store.open(key))!, zstd);
  const opened = bytes();
  return { archive, bytesRead: () => bytes() - opened };
}

function optionsOf(method: RoiMethod, outputSize: RoiOptions['outputSize'] = [7, 7]): RoiOptions {
  return { method, outputSize, samplingRatio: method === 'torchvision' ? 2 : 0 };
}

function place(boxes: readonly (readonly number[])[], method: RoiMethod, size: number): Box[] {
  return placeBoxes(boxes, { method, coordinates: 'pixel', format: 'yxyx', size });
}

async function regionsOf(set: FeatureSet, boxes: readonly Box[], options: RoiOptions, names?: readonly string[]) {
  const { archive } = await stored(set);
  const levels = poolableLevels(archive.description.levels, names && archive.select(names));
  const { length, stream } = streamRegions(archive, boxes, levels, options, alone());
  const file = await collect(stream as AsyncIterable<Uint8Array>);
  expect(file).toHaveLength(length);
  const { tensors, metadata } = parseSafetensors(file);
  const [regions, numbers] = [tensors.get('regions')!, tensors.get('levels')!];
  return { regions, numbers, metadata, values: new Float32Array(new Uint8Array(regions.data).buffer) };
}

/** The set with its integers decoded to float32. */
function decoded(set: FeatureSet): FeatureSet {
  const levels = set.levels.map((level) => {
    const data = new Uint8Array(Float32Array.from(numbersOf(level.tensor)).buffer);
    return { ...level, tensor: { dtype: 'float32', shape: level.tensor.shape, data } as const };
  });
  return setOf(levels, set.description.size);
}

/** 30 boxes anywhere, and those that are easily got wrong; `yxyx` pixels. */
function trickyBoxes(size: number): number[][] {
  const random = randomNumbers(5);
  const anywhere = Array.from({ length: 30 }, () => {
    const [y, x, h, w] = [random() * size, random() * size, random() ** 2 * size, random() ** 2 * size];
    return [y - h / 2, x - w / 2, y + h / 2, x + w / 2].map(fround);
  });
  return [
    ...anywhere,
    [0, 0, size, size],
    [-30, -40, size + 50, size + 60],
    [-90, 10, -50, 60],
    [10, size + 40, 60, size + 90],
    [size - 1, size - 1, size, size],
    [0, 0, 1, 1],
    [17, 23, 18, 24],
    [40, 40, 40, 40],
    [40, 20, 40, 90],
    [16, 16, 16 + 32, 16 + 64],
    [-3.5, -3.5, 3.5, 3.5],
  ];
}

/** One region by the definition: sample after sample, in double but for the places. */
function reference(level: Level, box: Box, { method, outputSize, samplingRatio }: RoiOptions): number[] {
  const [height, width, channels] = level.tensor.shape as [number, number, number];
  const values = numbersOf(level.tensor);
  const at = (y: number, x: number, c: number) => values[(y * width + x) * channels + c]!;
  const bilinear = (y: number, x: number, c: number) => {
    const [top, left] = [floor(y), floor(x)];
    const [bottom, right] = [min(top + 1, height - 1), min(left + 1, width - 1)];
    const [dy, dx] = [y - top, x - left];
    const above = at(top, left, c) * (1 - dx) + at(top, right, c) * dx;
    return above * (1 - dy) + (at(bottom, left, c) * (1 - dx) + at(bottom, right, c) * dx) * dy;
  };
  const corner = (start: number, end: number, bins: number, length: number, bin: number) =>
    bins === 1
      ? [fround(fround(0.5 * fround(start + end)) * (length - 1))]
      : [
          fround(
            fround(start * (length - 1)) +
              fround(bin * fround(fround(fround(end - start) * (length - 1)) / (bins - 1))),
          ),
        ];
  const grid = (start: number, end: number, bins: number, bin: number) => {
    const offset = method === 'detectron2' ? 0.5 : 0;
    const first = fround(start / level.stride - offset);
    const whole = fround(fround(end / level.stride - offset) - first);
    const size = fround((method === 'detectron2' ? whole : max(whole, 1)) / bins);
    const samples = samplingRatio > 0 ? samplingRatio : ceil(size);
    const begin = fround(first + fround(bin * size));
    return Array.from({ length: samples }, (_, i) => fround(begin + fround(fround((i + 0.5) * size) / samples)));
  };
  const region: number[] = [];
  for (let i = 0; i < outputSize[0]; i++) {
    for (let j = 0; j < outputSize[1]; j++) {
      const matterport = method === 'matterport';
      const ys = matterport ? corner(box.y0, box.y1, outputSize[0], height, i) : grid(box.y0, box.y1, outputSize[0], i);
      const xs = matterport ? corner(box.x0, box.x1, outputSize[1], width, j) : grid(box.x0, box.x1, outputSize[1], j);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (const y of ys) {
          for (const x of xs) {
            const margin = matterport ? 0 : 1;
            const inside = y >= -margin && y <= height - 1 + margin && x >= -margin && x <= width - 1 + margin;
            if (inside) sum += bilinear(min(max(y, 0), height - 1), min(max(x, 0), width - 1), c);
          }
        }
        region.push(sum / max(ys.length * xs.length, 1));
      }
    }
  }
  return region;
}

describe.each(ROI_METHODS)('regions as %s pools them', (method) => {
  test.each([
    [7, 7],
    [3, 5],
    [1, 1],
  ])('%i × %i bins equal the definition, each box from its level', async (height, width) => {
    const set = pyramid(256, 3);
    const boxes = place(trickyBoxes(256), method, 256);
    const options = optionsOf(method, [height, width]);
    const { regions, numbers, values } = await regionsOf(set, boxes, options);
    expect(regions).toMatchObject({ dtype: 'F32', shape: [boxes.length, height, width, 3] });
    expect(numbers).toMatchObject({ dtype: 'U8', shape: [boxes.length] });
    const levels = [...numbers.data].map((number) => levelOf(set.levels, `P${number}`));
    expect(new Set(numbers.data).size).toBeGreaterThan(1);
    const expected = boxes.flatMap((box, i) => reference(levels[i]!, box, options));
    expect(largestDifference(values, expected)).toBeLessThan(1e-5);
  });

  test('float16 is read as the numbers that it stands for', async () => {
    const set = pyramid(64, 4, 'float16');
    const boxes = place([[3, 5, 40, 64]], method, 64);
    const { values } = await regionsOf(set, boxes, optionsOf(method));
    expect(largestDifference(values, reference(set.levels[0]!, boxes[0]!, optionsOf(method)))).toBeLessThan(1e-5);
  });

  test.each(LAYOUTS)('integers in %s are pooled as the floats that they stand for', async (layout) => {
    const floats = decoded(pyramid(256, 5, 'uint8'));
    const boxes = place(trickyBoxes(256), method, 256);
    const integers = layout === 'nhwc' ? pyramid(256, 5, 'uint8') : inNchw(pyramid(256, 5, 'uint8'), 256);
    const [found, expected] = await Promise.all(
      [integers, floats].map((set) => regionsOf(set, boxes, optionsOf(method, [7, 3]))),
    );
    expect(largestDifference(found!.values, expected!.values)).toBeLessThan(1e-6 * 2);
    expect(Math.max(...expected!.values)).toBeGreaterThan(1);
    expect(found!.metadata).not.toHaveProperty('quantization');
  });

  test('a box outside of the image gives zeros and reads nothing', async () => {
    const { archive, bytesRead } = await stored(pyramid(64, 4));
    const reader = new RegionReader(archive, optionsOf(method), alone());
    for (const box of place(
      [
        [-90, 0, -50, 40],
        [0, 110, 20, 150],
        [200, 200, 260, 260],
      ],
      method,
      64,
    )) {
      const region = await reader.region(box, archive.description.levels[0]!);
      expect(region).toHaveLength(7 * 7 * 4);
      expect(region.every((value) => value === 0)).toBe(true);
    }
    expect(bytesRead()).toBe(0);
    await archive.close();
  });

  test('a box of a tenth of the height reads less than a fifth of P2', async () => {
    const set = setOf([numberLevel('P2', [256, 256, 256], 4, 'float16')], 1024);
    const { archive, bytesRead } = await stored(set);
    const [box] = place([[500, 200, 602, 800]], method, 1024);
    await new RegionReader(archive, optionsOf(method, [14, 14]), alone()).region(box!, archive.description.levels[0]!);
    const share = bytesRead() / archive.storedBytes(archive.description.levels[0]!);
    expect(share).toBeGreaterThan(0.05);
    expect(share).toBeLessThanOrEqual(0.2);
    await archive.close();
  });
});

// A level whose value is its place: means of bilinear samples of such a level are places too.
describe('where the methods read, on a ramp', () => {
  const [height, width] = [64, 64];
  const data = Float32Array.from({ length: height * width * 2 }, (_, i) =>
    i % 2 === 0 ? floor(i / 2 / width) : floor(i / 2) % width,
  );
  const tensor = { dtype: 'float32', shape: [height, width, 2], data: new Uint8Array(data.buffer) } as const;
  const set = setOf([{ name: 'P2', stride: 4, tensor, clipped: false }], 256);

  async function places(method: RoiMethod, box: number[], bins: number) {
    const { values } = await regionsOf(set, place([box], method, 256), optionsOf(method, [bins, bins]));
    return [...values];
  }

  test('Detectron2: at the bins’ centres, pixel centres half a cell in', async () => {
    const [y0, x0, y1, x1] = await places('detectron2', [40, 80, 72, 144], 2).then((v) => [v[0], v[1], v[6], v[7]]);
    expect([y0, x0, y1, x1]).toEqual([10 + 2 - 0.5, 20 + 4 - 0.5, 10 + 6 - 0.5, 20 + 12 - 0.5]);
  });

  test('torchvision: at the bins’ centres, without the half cell, and one cell at least', async () => {
    const [y0, x0, y1, x1] = await places('torchvision', [40, 80, 72, 144], 2).then((v) => [v[0], v[1], v[6], v[7]]);
    expect([y0, x0, y1, x1]).toEqual([10 + 2, 20 + 4, 10 + 6, 20 + 12]);
    expect(await places('torchvision', [40, 80, 40, 80], 1)).toEqual([10.5, 20.5]);
  });

  test('Matterport: on the box’s corners, and upside down if the box is', async () => {
    const corners = (v: number[]) => [v[0]!, v[1]!, v[16]!, v[17]!];
    const upright = corners(await places('matterport', [51, 102, 154, 205], 3));
    const expected = [51, 102, 153, 204].map((pixel) => (pixel / 255) * 63);
    expect(upright.every((value, i) => abs(value - expected[i]!) < 1e-4)).toBe(true);
    const turned = corners(await places('matterport', [153, 204, 52, 103], 3));
    expect(turned.every((value, i) => abs(value - expected[(i + 2) % 4]!) < 1e-4)).toBe(true);
    expect((await places('matterport', [51, 102, 154, 205], 1))[0]).toBeCloseTo((102 / 255) * 63, 4);
  });
});

describe('streamRegions', () => {
  const set = pyramid(128, 2);

  test('tells how the set was made and how it was pooled', async () => {
    const { metadata } = await regionsOf(set, [], optionsOf('torchvision'), ['P2', 'P4']);
    expect(metadata).toMatchObject({ id: set.description.id, method: 'torchvision', samplingRatio: '2' });
    expect(metadata['strides']).toBe('{"P2":4,"P4":16}');
  });

  test('no boxes are no regions', async () => {
    const { regions, numbers } = await regionsOf(set, [], optionsOf('matterport'));
    expect([regions.shape, regions.data.length, numbers.shape]).toEqual([[0, 7, 7, 2], 0, [0]]);
  });

  test('of one level all boxes are read, whatever their size', async () => {
    const boxes = place(
      [
        [0, 0, 4, 4],
        [0, 0, 128, 128],
      ],
      'detectron2',
      128,
    );
    const { numbers, values } = await regionsOf(set, boxes, optionsOf('detectron2'), ['P3']);
    expect([...numbers.data]).toEqual([3, 3]);
    const expected = boxes.flatMap((box) => reference(levelOf(set.levels, 'P3'), box, optionsOf('detectron2')));
    expect(largestDifference(values, expected)).toBeLessThan(1e-5);
  });

  test('a stream that is given up closes the file', async () => {
    for (const chunks of [0, 1, 3]) {
      const { archive } = await stored(set);
      const boxes = place(trickyBoxes(128), 'detectron2', 128);
      const { stream } = streamRegions(archive, boxes, archive.select(['P2']), optionsOf('detectron2'), alone());
      const iterator = stream[Symbol.asyncIterator]();
      for (let i = 0; i < chunks; i++) await iterator.next();
      stream.destroy();
    }
  });
});

describe('RegionReader', () => {
  /** 200 bands of one row each, without a file behind them. */
  const level = {
    ...describeLevel(numberLevel('P2', [2, 1, 1], 1)),
    shape: [200, 1, 250_000],
    channels: 250_000,
  } as const;
  function tallArchive() {
    const asked: number[] = [];
    const band = (_: unknown, number: number) => {
      asked.push(number);
      return Promise.resolve(new Uint8Array(new Float32Array(level.channels).fill(number).buffer));
    };
    return { asked, archive: { band } as unknown as ArchiveReader };
  }
  const whole = { y0: 0, x0: 0, y1: 200, x1: 1 };

  test('asks for each band once, a little ahead, and keeps the last 64 of them', async () => {
    const { asked, archive } = tallArchive();
    const reader = new RegionReader(archive, optionsOf('torchvision', [100, 1]), alone());
    const region = await reader.region(whole, { ...level, shape: [...level.shape] });
    expect([region[0], region.at(-1)]).toEqual([1, 198.75]);
    expect(asked).toEqual(Array.from({ length: 200 }, (_, i) => i));
    await reader.region({ ...whole, y0: 140 }, { ...level, shape: [...level.shape] });
    expect(asked).toHaveLength(200);
    await reader.region({ ...whole, y1: 4 }, { ...level, shape: [...level.shape] });
    expect(asked.length).toBeGreaterThan(200);
  });

  test('stops in the middle of a region when nobody wants it any more', async () => {
    const { asked, archive } = tallArchive();
    const stop = new AbortController();
    const reader = new RegionReader(archive, optionsOf('torchvision', [100, 1]), alone(), stop.signal);
    const region = reader.region(whole, { ...level, shape: [...level.shape] });
    stop.abort();
    await expect(region).rejects.toMatchObject({ code: 'cancelled' });
    expect(asked.length).toBeLessThan(10);
  });
});
