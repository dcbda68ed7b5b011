import type { Readable } from 'node:stream';
import type { ArchiveReader } from '../archive-reader.js';
import type { LevelDescription } from '../feature-set.js';
import { howMade, tensorBytes, writeHead, type TensorHead } from '../safetensors.js';
import type { BandShare } from './band-budget.js';
import type { Box } from './boxes.js';
import { levelNumber, levelOfBox } from './levels.js';
import { RegionReader, type RoiOptions } from './region-reader.js';

/**
 * Regions of boxes as a safetensors stream of `length` bytes: `regions`, float32 `[boxes, bins of y, bins
 * of x, channels]`, then `levels`, uint8 `[boxes]`, the number of the level that each was read from. Each
 * region is made when the reader wants it. Ending or destroying the stream closes the archive and leaves the share;
 * `signal` ends the work on a region that is not finished.
 *
 * @param levels of one width; see `poolableLevels`.
 */
export function streamRegions(
  archive: ArchiveReader,
  boxes: readonly Box[],
  levels: readonly LevelDescription[],
  options: RoiOptions,
  share: BandShare,
  signal?: AbortSignal,
): { length: number; stream: Readable } {
  const { method, outputSize, samplingRatio } = options;
  const { description } = archive;
  const assigned = boxes.map((box) => levelOfBox(box, method, levels, description.size));
  const tensors: TensorHead[] = [
    { name: 'regions', dtype: 'F32', shape: [boxes.length, ...outputSize, levels[0]!.channels] },
    { name: 'levels', dtype: 'U8', shape: [boxes.length] },
  ];
  const strides = Object.fromEntries(levels.map((level) => [level.name, level.stride]));
  const how = { method, ...(method !== 'matterport' && { samplingRatio }), strides };
  const head = writeHead({ ...howMade(description), ...how }, tensors);
  const reader = new RegionReader(archive, options, share, signal);
  const chunks = async function* () {
    yield head;
    for (const [index, box] of boxes.entries()) {
      const { buffer } = await reader.region(box, assigned[index]!);
      if (signal?.aborted) return;
      yield new Uint8Array(buffer);
    }
    if (boxes.length > 0) yield Uint8Array.from(assigned, levelNumber);
  };
  const length = tensors.reduce((total, tensor) => total + tensorBytes(tensor), head.length);
  const stream = archive.streamOf(chunks()).once('close', () => share.leave());
  return { length, stream };
}
