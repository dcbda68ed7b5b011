import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as zarr from 'zarrita';
import { registerJpeg } from '../../examples/zarrita/jpeg-codec.js';
import type { Layout, Level } from '../../src/backbone/tensor.js';
import { writeArchive } from '../../src/features/archive-writer.js';
import { archiveKey, describeLevel, type FeatureSet } from '../../src/features/feature-set.js';
import { encodeJpegLevels } from '../../src/features/jpeg-levels.js';
import { FileStore } from '../../src/features/store/file-store.js';
import { loadZstd } from '../../src/formats/zstd.js';
import { numberLevel, setOf } from '../support/pyramids.js';
import { parseSafetensors } from '../support/safetensors-bytes.js';
import { Client } from './support/client.js';
import { startService, temporaryFolder, type Service } from './support/service.js';

/** What is served here needs no queue. */
const NO_REDIS = 'redis://127.0.0.1:1';

/** Levels of several bands, of sides that are no multiple of 8, and of a single band. */
const SHAPES = [
  ['C2', [64, 64, 512]],
  ['C3', [37, 37, 40]],
  ['C4', [16, 16, 8]],
] as const;

function jpegSet(layout: Layout): FeatureSet {
  const levels = SHAPES.map(([name, [height, width, channels]], i): Level => {
    const { tensor, ...rest } = numberLevel(name, [channels, height, width], 4 << i, 'uint8');
    return { ...rest, tensor: { ...tensor, layout: 'nchw' } };
  });
  const { description } = setOf([], 256);
  const described = levels.map((level) => describeLevel(level, { codec: 'jpeg', quality: 80, layout }));
  return { levels, description: { ...description, levels: described } };
}

const SETS = {
  'uint8 by zstd': setOf(
    SHAPES.map(([name, shape], i) => numberLevel(name, shape, 4 << i, 'uint8')),
    256,
  ),
  'jpeg, nhwc': jpegSet('nhwc'),
  'jpeg, nchw': jpegSet('nchw'),
};
const idOf = (name: string) => Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;

beforeAll(async () => {
  registerJpeg();
  folder = await temporaryFolder();
  const store = new FileStore(folder.path);
  const zstd = await loadZstd();
  for (const [name, set] of Object.entries(SETS)) {
    Object.assign(set.description, { id: idOf(name) });
    await store.put(archiveKey(idOf(name)), writeArchive(await encodeJpegLevels(set), zstd));
  }
  service = await startService('api', { REDIS_URL: NO_REDIS, CAIRN_DATA_DIR: folder.path });
});

afterAll(async () => {
  expect(await service.end()).toBe(0);
  await folder.remove();
});

describe.each(Object.keys(SETS))('zarrita reads %s over HTTP', (name) => {
  test.each(SHAPES.map(([level]) => level))('%s, element for element as Cairn does', async (level) => {
    const store = new zarr.FetchStore(`${service.url}/v1/features/${idOf(name)}.zarr`);
    const array = await zarr.open.v3(zarr.root(store).resolve(level), { kind: 'array' });
    const { data, shape, stride } = (await zarr.get(array)) as zarr.Chunk<'uint8'>;
    const bytes = await new Client(service.url).bytes(`/v1/features/${idOf(name)}.safetensors?levels=${level}`);
    const expected = parseSafetensors(bytes).tensors.get(level)!;
    expect(shape).toEqual(expected.shape);
    const [rows, columns, depth] = shape as [number, number, number];
    const found = Buffer.alloc(rows * columns * depth);
    for (let a = 0, to = 0; a < rows; a++)
      for (let b = 0; b < columns; b++)
        for (let c = 0; c < depth; c++) found[to++] = data[a * stride[0]! + b * stride[1]! + c * stride[2]!]!;
    expect(found.equals(expected.data)).toBe(true);
  });

  test('and decodes it by the attributes alone', async () => {
    const store = new zarr.FetchStore(`${service.url}/v1/features/${idOf(name)}.zarr`);
    const array = await zarr.open.v3(zarr.root(store).resolve('C4'), { kind: 'array' });
    const { scale_factor: scale, add_offset: offset } = array.attrs as Record<string, number>;
    const { scale: expected, zeroPoint } = SETS[name as keyof typeof SETS].levels[2]!.tensor.quantization!;
    expect([scale, offset]).toEqual([expected, -expected * zeroPoint]);
  });
});
