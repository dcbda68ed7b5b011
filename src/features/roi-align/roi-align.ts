import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { CairnError } from '../../errors.js';
import type { ArchiveReader } from '../archive-reader.js';
import { bandsOf } from '../bands.js';
import type { LevelDescription } from '../feature-set.js';
import { planAxis } from './axis.js';
import { BandCache } from './band-cache.js';
import { levelOfBox, type Box, type RoiMethod } from './boxes.js';
import { bandsRead, poolRegion } from './pool-region.js';

export interface RoiOptions {
  readonly method: RoiMethod;
  /** Bins along y and x. */
  readonly outputSize: readonly [number, number];
  /** Samples in a bin along each axis; 0 takes as many as the bin has cells. Matterport takes one, whatever is said. */
  readonly samplingRatio: number;
}

/**
 * Cuts regions out of an archive, reading only the bands that they touch.
 *
 * @param levels what boxes may be read from, finest first: either one level for all boxes, or those
 *   numbered 2 … 5, of which each box takes the one that its method assigns, or the nearest that is there.
 */
export class RegionReader {
  readonly channels: number;
  private readonly cache: BandCache;

  /** @throws CairnError `levels-unsuitable` when the levels have different widths. */
  constructor(
    archive: ArchiveReader,
    private readonly levels: readonly LevelDescription[],
    private readonly options: RoiOptions,
  ) {
    this.channels = levels[0]!.channels;
    const odd = levels.find((level) => level.channels !== this.channels);
    if (odd) {
      throw new CairnError(
        'levels-unsuitable',
        `Regions of ${levels[0]!.name} have ${this.channels} channels, those of ${odd.name} ${odd.channels}; ` +
          'choose one level, or levels of a pyramid.',
      );
    }
    this.cache = new BandCache(archive);
  }

  /** The level that a box is read from. */
  levelOf(box: Box, size: number): LevelDescription {
    if (this.levels.length === 1) return this.levels[0]!;
    const wanted = levelOfBox(box, this.options.method, size);
    const distance = (level: LevelDescription) => Math.abs(Number(level.name.slice(1)) - wanted);
    return this.levels.reduce((best, level) => (distance(level) < distance(best) ? level : best));
  }

  /** Regions of boxes, each `[bins of y, bins of x, channels]` float32 in C order, in the boxes' order. */
  async *regions(boxes: readonly Box[], size: number): AsyncGenerator<Float32Array<ArrayBuffer>> {
    const { method, outputSize, samplingRatio } = this.options;
    const [height, width] = outputSize;
    for (const box of boxes) {
      const level = this.levelOf(box, size);
      const { rows } = bandsOf(level);
      const along = (axis: 0 | 1, from: number, to: number) => {
        const length = level.shape[axis];
        return planAxis(
          { from, to, bins: outputSize[axis], length, size, stride: level.stride },
          method,
          samplingRatio,
        );
      };
      const [y, x] = [along(0, box.y0, box.y1), along(1, box.x0, box.x1)];
      // Where one axis lies outside, nothing is read for the other.
      const needed = bandsRead(x, 1).size > 0 ? bandsRead(y, rows) : new Set<number>();
      const bands = await this.cache.get(level, needed);
      const region = new Float32Array(height * width * this.channels);
      if (bands.size > 0)
        poolRegion({ rowsPerBand: rows, width: level.shape[1], channels: this.channels, bands }, y, x, region);
      yield region;
      // Bands that are in the cache come without a wait, and a thousand boxes would block the thread.
      await yieldToEvents();
    }
  }
}
