import type { Level } from '../backbone/tensor.js';
import { CairnError } from '../errors.js';
import { bandsOf } from './level-axes.js';
import { inOrder } from './band-stream.js';
import { describeLevel, type FeatureSet } from './feature-set.js';
import { arrayMetadata, arrayPath, bandPath, GROUP_PATH, groupMetadata } from './zarr-metadata.js';
import { writeZip, type ZipEntry } from '../formats/zip/zip-writer.js';
import type { Zstd } from '../formats/zstd.js';

/** Bands compressed at once: enough to keep libuv's four threads busy while one is written. */
const IN_FLIGHT = 6;

/**
 * A feature set as the bytes of its archive: a Zarr v3 group in an uncompressed zip. Bands are
 * compressed in parallel and written in order; only a few are in memory at a time.
 */
export function writeArchive(set: FeatureSet, zstd: Zstd, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  return writeZip(unlessCancelled(inOrder(tasks(set, zstd), IN_FLIGHT), signal));
}

type Task = () => Promise<ZipEntry>;

function* tasks(set: FeatureSet, zstd: Zstd): Generator<Task> {
  yield () => json(GROUP_PATH, groupMetadata(set.description));
  for (const level of set.levels) {
    yield () => json(arrayPath(level.name), arrayMetadata(describeLevel(level)));
    yield* bandTasks(level, zstd);
  }
}

function* bandTasks(level: Level, zstd: Zstd): Generator<Task> {
  const { count, bytes } = bandsOf(describeLevel(level));
  for (let band = 0; band < count; band++) {
    const slice = level.tensor.data.subarray(band * bytes, (band + 1) * bytes);
    yield async () => ({ path: bandPath(level.name, band), data: await zstd.compress(slice) });
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
