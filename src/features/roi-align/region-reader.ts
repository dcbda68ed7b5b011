import { CairnError } from '../../errors.js';
import type { ArchiveReader } from '../archive-reader.js';
import type { BandShare } from '../band-budget.js';
import type { LevelDescription } from '../feature-set.js';
import { lengthOf, rowsOf, type Rows } from '../level-axes.js';
import { planAxis, type Bin } from './axis.js';
import { BandCache, type BandNumbers } from './band-cache.js';
import type { Box, RoiMethod } from './boxes.js';
import { Turns } from './turns.js';

export interface RoiOptions {
  readonly method: RoiMethod;
  /** Bins along y and x. */
  readonly outputSize: readonly [number, number];
  /** Samples in a bin along each axis; 0 takes as many as the bin has cells. Ignored by Matterport's method, which takes one sample. */
  readonly samplingRatio: number;
}

/** Floats are the values themselves. */
const FLOATS = { scale: 1, zeroPoint: 0 };
/** A reader yields to other work after this long. */
const BUSY_MS = 10;
/** Bands read ahead of the one that is being used. */
const READ_AHEAD = 2;

/**
 * Cuts regions out of an archive, reading only the bands that they touch. Memory holds the
 * cached bands and the region only, whatever the size of a box.
 */
export class RegionReader {
  private readonly cache: BandCache;
  private lastRest = performance.now();

  constructor(
    archive: ArchiveReader,
    private readonly options: RoiOptions,
    share: BandShare,
    /** Aborts the work in the middle of a region. */
    private readonly signal?: AbortSignal,
    /** Shared with the other readers of the process. */
    private readonly turns = new Turns(),
  ) {
    this.cache = new BandCache(archive, share);
  }

  /**
   * The region of a box on a level, `[bins of y, bins of x, channels]` float32 in C order.
   *
   * @throws CairnError `cancelled` once the signal is aborted.
   */
  async region(box: Box, level: LevelDescription): Promise<Float32Array<ArrayBuffer>> {
    const { method, outputSize, samplingRatio } = this.options;
    const [height, width] = outputSize;
    const { channels, stride, quantization: { scale, zeroPoint } = FLOATS } = level;
    const region = new Float32Array(height * width * channels);
    const along = (axis: 'y' | 'x', bins: number, from: number, to: number) =>
      planAxis({ from, to, bins, length: lengthOf(level, axis), stride }, method, samplingRatio);
    const x = along('x', width, box.x0, box.x1);
    if (x.every((bin) => bin.length === 0)) return region;
    const y = along('y', height, box.y0, box.y1);
    const parts = rowsOf(level);
    const band = this.bandsInOrder(level, parts, y);
    for (const part of parts) {
      const [first, last] = part.channels;
      const count = last - first;
      const sums = new Float64Array(width * count);
      for (const [index, bin] of y.entries()) {
        sums.fill(0);
        for (const { at, weight } of bin) {
          const { band: number, start } = part.at(at);
          addRow(await band(number), zeroPoint, start, part, x, weight, sums);
          await this.rest();
          if (this.signal?.aborted) throw new CairnError('cancelled', 'The regions are no longer wanted.');
        }
        for (let column = 0; column < width; column++) {
          const values = sums.subarray(column * count, (column + 1) * count);
          // Pooling is linear, so one multiplication per bin replaces one per element.
          region.set(
            scale === 1 ? values : values.map((value) => scale * value),
            (index * width + column) * channels + first,
          );
        }
      }
    }
    return region;
  }

  /** Reads bands in the order in which a region needs them, a few of them ahead. */
  private bandsInOrder(
    level: LevelDescription,
    parts: readonly Rows[],
    bins: readonly Bin[],
  ): (band: number) => Promise<BandNumbers> {
    const rows = bins.flat();
    const needed = [...new Set(parts.flatMap((part) => rows.map(({ at }) => part.at(at).band)))];
    return (number) => {
      const next = needed.indexOf(number) + 1;
      const band = this.cache.get(level, number);
      for (const ahead of needed.slice(next, next + READ_AHEAD)) void this.cache.get(level, ahead);
      return band;
    };
  }

  /** Cached bands resolve at once: without a pause a thousand boxes would block the event loop. */
  private async rest(): Promise<void> {
    if (performance.now() - this.lastRest < BUSY_MS) return;
    await this.turns.next();
    this.lastRest = performance.now();
  }
}

/**
 * Adds a row of a level, which begins at `start` of its band, minus `zeroPoint` and times `weight`, to the bins along x,
 * `[bins, channels]`.
 */
function addRow(
  band: BandNumbers,
  zeroPoint: number,
  start: number,
  { channels: [first, last], columnStep, channelStep }: Rows,
  x: readonly Bin[],
  weight: number,
  sums: Float64Array,
): void {
  const count = last - first;
  let into = 0;
  for (const bin of x) {
    for (const share of bin) {
      const factor = weight * share.weight;
      let from = start + share.at * columnStep;
      for (let c = 0; c < count; c++, from += channelStep) sums[into + c]! += factor * (band[from]! - zeroPoint);
    }
    into += count;
  }
}
