import type { Readable } from 'node:stream';
import type { ArchiveReader } from '../archive-reader.js';
import type { LevelDescription } from '../feature-set.js';
import { tensorBytes, writeHead, type TensorHead } from '../../formats/safetensors/write.js';
import type { BandShare } from '../band-budget.js';
import { bandStream, pieceOf, type Piece } from '../band-stream.js';
import { provenanceOf } from '../safetensors.js';
import type { Box } from './boxes.js';
import { levelNumber, levelOfBox } from './levels.js';
import { RegionReader, type RoiOptions } from './region-reader.js';
import type { Turns } from './turns.js';

/**
 * Regions of boxes as a safetensors stream of `length` bytes: `regions`, float32 `[boxes, bins of y, bins
 * of x, channels]`, then `levels`, uint8 `[boxes]`, the number of the level that each was read from.
 * Ending or destroying the stream closes the archive and frees its share of the budget; aborting `signal`
 * makes it fail. Streams that share `turns` take turns at computing.
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
  turns?: Turns,
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
  const head = writeHead({ ...provenanceOf(description), ...how }, tensors);
  const reader = new RegionReader(archive, options, share, signal, turns);
  const pieces: Piece[] = [
    pieceOf(head),
    ...boxes.map((box, index) => async () => new Uint8Array((await reader.region(box, assigned[index]!)).buffer)),
    ...(boxes.length > 0 ? [pieceOf(Uint8Array.from(assigned, levelNumber))] : []),
  ];
  const length = tensors.reduce((total, tensor) => total + tensorBytes(tensor), head.length);
  // One region at a time, on demand: each needs many bands.
  const stream = bandStream([archive], pieces, { limit: 1, leave: () => share.leave() });
  return { length, stream };
}
