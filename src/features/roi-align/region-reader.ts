import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { ArchiveReader } from '../archive-reader.js';
import { bandsOf } from '../bands.js';
import type { LevelDescription } from '../feature-set.js';
import { planAxis, type Bin } from './axis.js';
import type { BandShare } from './band-budget.js';
import { BandCache } from './band-cache.js';
import type { Box, RoiMethod } from './boxes.js';

export interface RoiOptions {
  readonly method: RoiMethod;
  /** Bins along y and x. */
  readonly outputSize: readonly [number, number];
  /** Samples in a bin along each axis; 0 takes as many as the bin has cells. Matterport's way takes one and asks no one. */
  readonly samplingRatio: number;
}

/** After this long the thread looks after others. */
const BUSY_MS = 10;
/** Bands read ahead of the one that is being used. */
const READ_AHEAD = 2;

/**
 * Cuts regions out of an archive, reading only the bands that they touch. Whatever a box's size, the
 * bands of the cache and the region are all that is in memory.
 */
export class RegionReader {
  private readonly cache: BandCache;
  private lastRest = performance.now();

  constructor(
    archive: ArchiveReader,
    private readonly options: RoiOptions,
    share: BandShare,
    /** Ends the work in the middle of a region; what is made then is of no use. */
    private readonly signal?: AbortSignal,
  ) {
    this.cache = new BandCache(archive, share);
  }

  /** The region of a box on a level, `[bins of y, bins of x, channels]` float32 in C order. */
  async region(box: Box, level: LevelDescription): Promise<Float32Array<ArrayBuffer>> {
    const { method, outputSize, samplingRatio } = this.options;
    const [height, width] = outputSize;
    const { channels, stride } = level;
    const region = new Float32Array(height * width * channels);
    const along = (axis: 0 | 1, from: number, to: number) =>
      planAxis({ from, to, bins: outputSize[axis], length: level.shape[axis], stride }, method, samplingRatio);
    const x = along(1, box.x0, box.x1);
    if (x.every((bin) => bin.length === 0)) return region;
    const y = along(0, box.y0, box.y1);
    const rows = this.rows(level, y);
    const sums = new Float64Array(width * channels);
    for (const [index, bin] of y.entries()) {
      sums.fill(0);
      for (const { at, weight } of bin) {
        addRow(await rows(at), x, weight, channels, sums);
        await this.rest();
        if (this.signal?.aborted) return region;
      }
      region.set(sums, index * sums.length);
    }
    return region;
  }

  /** Gives rows of a level for bins in their order; the bands behind them are read a little ahead. */
  private rows(level: LevelDescription, bins: readonly Bin[]): (row: number) => Promise<Float32Array> {
    const { rows } = bandsOf(level);
    const bandOf = (row: number) => Math.floor(row / rows);
    const needed = [...new Set(bins.flat().map(({ at }) => bandOf(at)))];
    const length = level.shape[1] * level.channels;
    return async (row) => {
      const number = bandOf(row);
      const next = needed.indexOf(number) + 1;
      const band = this.cache.get(level, number);
      for (const ahead of needed.slice(next, next + READ_AHEAD)) void this.cache.get(level, ahead);
      const first = (row - number * rows) * length;
      return (await band).subarray(first, first + length);
    };
  }

  /** Bands that are in the cache come without a wait, and a thousand boxes would block the thread. */
  private async rest(): Promise<void> {
    if (performance.now() - this.lastRest < BUSY_MS) return;
    await yieldToEvents();
    this.lastRest = performance.now();
  }
}

/** Adds a row of a level, `[width, channels]`, times `weight`, to the bins along x, `[bins, channels]`. */
function addRow(row: Float32Array, x: readonly Bin[], weight: number, channels: number, sums: Float64Array): void {
  let into = 0;
  for (const bin of x) {
    for (const share of bin) {
      const factor = weight * share.weight;
      const from = share.at * channels;
      for (let c = 0; c < channels; c++) sums[into + c]! += factor * row[from + c]!;
    }
    into += channels;
  }
}
