import { describe, expect, test } from '@jest/globals';
import { DTYPES } from '../../../src/backbone/tensor.js';
import { writeArchive } from '../../../src/features/archive-writer.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { collect } from '../../support/chunks.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';
import { largestAbsolute, largestDifference, numbersOf } from '../../support/tensors.js';
import { readZarrArray, unzip } from '../../support/zarr.js';

const zstd = await loadZstd();

describe.each(DTYPES)('an archive of %s, read as Zarr v3 by its metadata alone', (dtype) => {
  const set = featureSet(plansOf(dtype));
  const archive = collect(writeArchive(set, zstd)).then(unzip);

  test('is a group whose attributes are the description, and that tells of its arrays as they do', async () => {
    const files = await archive;
    const json = (path: string) => JSON.parse(files.get(path)!.toString('utf8')) as Record<string, unknown>;
    const arrays = set.levels.map(({ name }) => [name, json(`${name}/zarr.json`)]);
    expect(json('zarr.json')).toEqual({
      zarr_format: 3,
      node_type: 'group',
      attributes: set.description,
      consolidated_metadata: {
        kind: 'inline',
        must_understand: false,
        metadata: Object.fromEntries(arrays) as unknown,
      },
    });
  });

  test.each(set.levels.map((level) => [level.name, level] as const))('%s holds the tensor', async (name, level) => {
    const { metadata, data } = await readZarrArray(await archive, name);
    expect(data.equals(level.tensor.data)).toBe(true);
    expect(metadata).toEqual({
      zarr_format: 3,
      node_type: 'array',
      shape: level.tensor.shape,
      data_type: dtype,
      chunk_grid: { name: 'regular', configuration: { chunk_shape: expect.any(Array) } },
      chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
      fill_value: level.tensor.quantization?.zeroPoint ?? 0,
      codecs: [
        // A byte has no order of bytes.
        { name: 'bytes', ...(dtype !== 'uint8' && { configuration: { endian: 'little' } }) },
        { name: 'zstd', configuration: { level: 1, checksum: false } },
      ],
      dimension_names: ['y', 'x', 'channel'],
      attributes: expect.objectContaining({ stride: 4 }),
    });
  });

  test('chunks are whole rows, none is cut short, and nothing else is in the zip', async () => {
    const files = await archive;
    const expected = ['zarr.json'];
    for (const { name, tensor } of set.levels) {
      const { chunk_shape } = (await readZarrArray(files, name)).metadata.chunk_grid.configuration;
      expect(chunk_shape.slice(1)).toEqual(tensor.shape.slice(1));
      expect(tensor.shape[0]! % chunk_shape[0]!).toBe(0);
      expected.push(`${name}/zarr.json`);
      for (let band = 0; band < tensor.shape[0]! / chunk_shape[0]!; band++) expected.push(`${name}/c/${band}/0/0`);
    }
    expect([...files.keys()]).toEqual(expected);
  });
});

describe('levels of integers', () => {
  const set = featureSet(plansOf('uint8'));
  const archive = collect(writeArchive(set, zstd)).then(unzip);

  test.each(set.levels.map((level) => [level.name, level.tensor] as const))(
    '%s decodes by the CF attributes to its values, and chunks that are not there to 0',
    async (name, tensor) => {
      const { metadata, data } = await readZarrArray(await archive, name);
      const { scale_factor, add_offset, ...others } = metadata.attributes as Record<string, number>;
      expect(others).toEqual({ stride: 4 });
      const decoded = Float64Array.from(data, (integer) => integer * scale_factor! + add_offset!);
      const values = numbersOf(tensor);
      expect(largestDifference(decoded, values)).toBeLessThan(1e-12 * largestAbsolute(values));
      expect(metadata.fill_value * scale_factor! + add_offset!).toBe(0);
      // xarray decodes in float32, where both products round alike.
      const { fround } = Math;
      expect(fround(fround(metadata.fill_value * scale_factor!) + fround(add_offset!))).toBe(0);
    },
  );

  test('floats have no attributes of CF', async () => {
    const files = await collect(writeArchive(featureSet(plansOf('float16')), zstd)).then(unzip);
    expect((await readZarrArray(files, 'C3')).metadata.attributes).toEqual({ stride: 4 });
  });
});
