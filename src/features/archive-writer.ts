import type { Level } from '../backbone/tensor.js';
import { CairnError } from '../errors.js';
import { bandsOf } from './level-axes.js';
import { inOrder } from './band-stream.js';
import type { FeatureSet, LevelDescription } from './feature-set.js';
import { arrayMetadata, arrayPath, bandPath, GROUP_PATH, groupMetadata } from './zarr-metadata.js';
import { writeZip, type ZipEntry } from '../formats/zip/zip-writer.js';
import type { Zstd } from '../formats/zstd.js';

/** Bands compressed at once: enough to keep libuv's four threads busy while one is written. */
const IN_FLIGHT = 6;

/**
 * A feature set as the bytes of its archive: a Zarr v3 group in an uncompressed zip. Bands are
 * compressed in parallel and written in order; only a few are in memory at a time. Levels of codec `jpeg` come with
 * their bands: see `encodeJpegLevels`.
 */
export function writeArchive(set: FeatureSet, zstd: Zstd, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  return writeZip(unlessCancelled(inOrder(tasks(set, zstd), { limit: IN_FLIGHT }), signal));
}

type Task = () => Promise<ZipEntry>;

function* tasks(set: FeatureSet, zstd: Zstd): Generator<Task> {
  yield () => json(GROUP_PATH, groupMetadata(set.description));
  for (const [index, level] of set.levels.entries()) {
    const described = set.description.levels[index]!;
    yield () => json(arrayPath(level.name), arrayMetadata(described));
    const encoded = set.bands?.get(level.name);
    if (encoded) yield* encoded.map((data, band) => () => Promise.resolve({ path: bandPath(level.name, band), data }));
    else yield* bandTasks(level, described, zstd);
  }
}

function* bandTasks({ name, tensor }: Level, described: LevelDescription, zstd: Zstd): Generator<Task> {
  const { count, bytes } = bandsOf(described);
  for (let band = 0; band < count; band++) {
    const slice = tensor.data.subarray(band * bytes, (band + 1) * bytes);
    yield async () => ({ path: bandPath(name, band), data: await zstd.compress(slice) });
  }
}

function json(path: string, value: object): Promise<ZipEntry> {
  return Promise.resolve({ path, data: Buffer.from(JSON.stringify(value)) });
}

async function* unlessCancelled<T>(entries: AsyncIterable<T>, signal?: AbortSignal): AsyncGenerator<T> {
  for await (const entry of entries) {
    if (signal?.aborted) throw new CairnError('cancelled', 'The job was cancelled.');
    yield entry;
  }
}
