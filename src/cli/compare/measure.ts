import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { fidelity, WorstOfLevels } from '../../backbone/calibration/fidelity.js';
import type { LevelError } from '../../backbone/calibration/calibration.js';
import type { LevelName } from '../../backbone/graph/graph.js';
import { BYTES_PER_ELEMENT } from '../../backbone/tensor.js';
import { ArchiveReader } from '../../features/archive-reader.js';
import type { LevelDescription } from '../../features/feature-set.js';
import { readFloats } from '../../features/read-floats.js';
import type { Store } from '../../features/store/store.js';
import type { Zstd } from '../../formats/zstd.js';
import type { Extractor, ExtractRequest } from '../../worker/extractor.js';
import { IMAGES_IN_FLIGHT } from '../extract.js';
import { readImage } from '../images.js';

export interface MeasureParts {
  readonly extractor: Extractor;
  /** Archives are written here, and removed once they are measured. */
  readonly store: Store;
  readonly zstd: Zstd;
  /** Paths. */
  readonly images: readonly string[];
  readonly signal: AbortSignal;
  /** Called after each image: `stepsOf` times in all. */
  readonly onStep: () => void;
}

/** Images through the chain, at least: of fewer, its first decoding and last packing take too large a share. */
const LEAST_CHAIN = 8;

const chainLength = (images: readonly string[]) => Math.max(images.length, LEAST_CHAIN);

/** Steps of measuring this many settings, and of the references. */
export function stepsOf(images: readonly string[], settings: number): number {
  return images.length + settings * (images.length + chainLength(images));
}

/** Of one setting; means over the images, but for `levels`. */
export interface Measurement {
  /** Of the archive of one image. */
  readonly bytes: number;
  /** Of the levels of one image in float32, uncompressed. */
  readonly float32Bytes: number;
  /** 10⁶ bytes of float32 per second of packing: compressing, writing and flushing to disk. */
  readonly encodeMBps: number;
  /** Likewise of reading the archive into float32. */
  readonly decodeMBps: number;
  /** Image to archive, with the next image decoded and the last one packed while one runs, as `cairn extract` does it. */
  readonly imagesPerSecond: number;
  /** The worst image, level by level, against the float32 levels of the float32 network. */
  readonly levels: readonly LevelError[];
}

/** Where the float32 levels of an image are kept. */
const referenceKey = (index: number) => `reference-${index}.zarr.zip`;

/** Writes the archives of float32 levels, which `measure` then compares others with. */
export async function writeReferences(request: ExtractRequest, parts: MeasureParts): Promise<void> {
  for (const [index, path] of parts.images.entries()) {
    await extract(path, request, referenceKey(index), parts);
    parts.onStep();
  }
}

/**
 * Measures one setting: writes the archive of each image, reads it back and removes it, one image after the other; then
 * times the chain over the images in turn.
 *
 * @throws CairnError `cancelled` when the signal was aborted; else as `Extractor.extract`.
 */
export async function measure(request: ExtractRequest, parts: MeasureParts): Promise<Measurement> {
  const { images, store, onStep } = parts;
  const worst = new WorstOfLevels();
  let [bytes, float32Bytes, packMs, readMs] = [0, 0, 0, 0];
  for (const [index, path] of images.entries()) {
    const key = 'measured.zarr.zip';
    const extraction = await extract(path, request, key, parts);
    const read = await compareArchives(
      await openArchive(key, parts),
      await openArchive(referenceKey(index), parts),
      worst,
    );
    await store.delete(key);
    bytes += extraction.bytes;
    packMs += extraction.timings.pack;
    float32Bytes += read.float32Bytes;
    readMs += read.ms;
    onStep();
  }
  const chainMs = await timeChain(request, parts);
  const megabytesPerSecond = (ms: number) => float32Bytes / 1e6 / (ms / 1000);
  return {
    bytes: bytes / images.length,
    float32Bytes: float32Bytes / images.length,
    encodeMBps: megabytesPerSecond(packMs),
    decodeMBps: megabytesPerSecond(readMs),
    imagesPerSecond: chainLength(images) / (chainMs / 1000),
    levels: worst.errors(),
  };
}

async function extract(path: string, request: ExtractRequest, key: string, { extractor, signal }: MeasureParts) {
  const bytes = await readImage(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return extractor.extract({ bytes, sha256 }, request, { key, signal });
}

async function openArchive(key: string, { store, zstd }: MeasureParts): Promise<ArchiveReader> {
  return ArchiveReader.open((await store.open(key))!, zstd);
}

/** Compares level after level, so that no more than two are in memory, and closes both. Times the reading of the first. */
async function compareArchives(archive: ArchiveReader, reference: ArchiveReader, worst: WorstOfLevels) {
  let [float32Bytes, ms] = [0, 0];
  try {
    for (const level of archive.select()) {
      const begun = performance.now();
      const floats = await readFloats(archive, level);
      ms += performance.now() - begun;
      float32Bytes += floats.length * BYTES_PER_ELEMENT.float32;
      worst.add(level.name as LevelName, fidelity(await readFloats(reference, sameLevel(reference, level)), floats));
    }
  } finally {
    await archive.close();
    await reference.close();
  }
  return { float32Bytes, ms };
}

function sameLevel(archive: ArchiveReader, { name }: LevelDescription): LevelDescription {
  return archive.select([name])[0]!;
}

/** Milliseconds in which `chainLength` images become archives. */
async function timeChain(request: ExtractRequest, parts: MeasureParts): Promise<number> {
  const { images, store, onStep } = parts;
  const turns = pLimit(IMAGES_IN_FLIGHT);
  const chain = async (index: number) => {
    const key = `chain-${index}.zarr.zip`;
    await extract(images[index % images.length]!, request, key, parts);
    await store.delete(key);
    onStep();
  };
  const begun = performance.now();
  const results = await Promise.allSettled(
    Array.from({ length: chainLength(images) }, (_, index) => turns(() => chain(index))),
  );
  const ms = performance.now() - begun;
  // Thrown once nothing writes any more, so that the folder can be removed.
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return ms;
}
