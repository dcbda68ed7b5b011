import yauzl from 'yauzl';
import { loadZstd } from '../../src/formats/zstd.js';
import { collect } from './chunks.js';

/** The files in a zip, by name, in the order of its directory. */
export async function unzip(bytes: Buffer): Promise<Map<string, Buffer>> {
  const zip = await yauzl.fromBufferPromise(bytes);
  const files = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    files.set(entry.fileName, await collect(await zip.openReadStreamPromise(entry)));
  }
  return files;
}

/** The fields of a `zarr.json` of an array that the specification requires, and two that it allows. */
export interface ZarrArray {
  readonly zarr_format: number;
  readonly node_type: string;
  readonly shape: number[];
  readonly data_type: string;
  readonly chunk_grid: { readonly name: string; readonly configuration: { readonly chunk_shape: number[] } };
  readonly chunk_key_encoding: { readonly name: string; readonly configuration: { readonly separator: string } };
  readonly fill_value: number;
  readonly codecs: readonly { readonly name: string; readonly configuration?: Record<string, unknown> }[];
  readonly dimension_names: string[];
  readonly attributes: Record<string, unknown>;
}

/**
 * One array as any Zarr v3 reader would put it together: by its metadata alone, chunk by chunk,
 * whatever the shape of the chunks.
 */
export async function readZarrArray(files: ReadonlyMap<string, Buffer>, name: string) {
  const metadata = JSON.parse(files.get(`${name}/zarr.json`)!.toString('utf8')) as ZarrArray;
  const { shape, chunk_grid, chunk_key_encoding, data_type } = metadata;
  const chunkShape = chunk_grid.configuration.chunk_shape;
  const itemBytes = { float32: 4, float16: 2, uint8: 1 }[data_type]!;
  const data = Buffer.alloc(shape.reduce((product, length) => product * length) * itemBytes);
  const zstd = await loadZstd();
  const grid = shape.map((length, axis) => Math.ceil(length / chunkShape[axis]!));
  for (const chunk of indicesOf(grid)) {
    const key = [`${name}/c`, ...chunk].join(chunk_key_encoding.configuration.separator);
    const items = chunkShape.reduce((product, length) => product * length);
    const bytes = Buffer.from(await zstd.decompress(files.get(key)!, items * itemBytes));
    for (const [item, inner] of indicesOf(chunkShape).entries()) {
      const at = inner.map((offset, axis) => chunk[axis]! * chunkShape[axis]! + offset);
      if (at.some((index, axis) => index >= shape[axis]!)) continue;
      const flat = at.reduce((sum, index, axis) => sum * shape[axis]! + index, 0);
      bytes.copy(data, flat * itemBytes, item * itemBytes, (item + 1) * itemBytes);
    }
  }
  return { metadata, data };
}

/** All index tuples of an array of `shape`, in C order. */
function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (tuples, length) => tuples.flatMap((tuple) => Array.from({ length }, (_, index) => [...tuple, index])),
    [[]],
  );
}
