import type { Readable } from 'node:stream';
import type { ArchiveReader } from '../archive-reader.js';
import type { LevelDescription } from '../feature-set.js';
import { tensorBytes, writeHead, type TensorHead } from '../../formats/safetensors/write.js';
import type { BandShare } from '../band-budget.js';
import { bandStream, pieceOf, type Piece } from '../band-stream.js';
import { provenanceOf } from '../safetensors.js';
import type { Box, RoiMethod } from './boxes.js';
import { levelNumber, levelOfBox } from './levels.js';
import { RegionReader, type RoiOptions } from './region-reader.js';
import type { Turns } from './turns.js';

/** Rows of a level that pooling may read beyond the edges of a box. */
const MARGIN_ROWS = 2;

/**
 * Reads the bands that the regions of boxes are cut from, whole ranges of rows of each level: an answer that has begun cannot
 * tell of a damaged one.
 *
 * @throws CairnError `archive-corrupt` where a checksum fails.
 */
export async function checkRegions(
  archive: ArchiveReader,
  boxes: readonly Box[],
  levels: readonly LevelDescription[],
  method: RoiMethod,
): Promise<void> {
  const { size } = archive.description;
  // Matterport's boxes are shares of the canvas.
  const pixels = method === 'matterport' ? size - 1 : 1;
  const spans = new Map<LevelDescription, readonly [number, number]>();
  for (const box of boxes) {
    const level = levelOfBox(box, method, levels, size);
    const [from, to] = spans.get(level) ?? [Infinity, -Infinity];
    spans.set(level, [
      Math.min(from, box.y0 * pixels, box.y1 * pixels),
      Math.max(to, box.y0 * pixels, box.y1 * pixels),
    ]);
  }
  for (const [level, [from, to]] of spans) {
    const margin = MARGIN_ROWS * level.stride;
    const [top, bottom] = [Math.max(0, Math.floor(from) - margin), Math.min(size, Math.ceil(to) + margin)];
    if (top < bottom) await archive.check([level], [top, 0, bottom, size]);
  }
}

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
