import { RequestError } from './request-error.js';
import type { CallOptions } from './connection.js';
import type { FeatureSet, LevelOptions } from './resources.js';
import type { Levels } from './safetensors.js';
import type { Tensor } from './tensor.js';

/** Reads parts of the levels of one feature set. */
interface LevelReader {
  read(options: LevelOptions, call: CallOptions): Promise<Levels>;
}

type LevelDescription = FeatureSet['levels'][number];

/** A part of a level: `[first, end)` of its rows and columns. Default: all. */
export interface Cells {
  /** First row, and the one after the last. */
  readonly rows?: readonly [number, number];
  /** First column, and the one after the last. */
  readonly columns?: readonly [number, number];
}

/** A level on the server. Only the bands under the rows that are read are fetched from the store. */
export class LazyLevel {
  private constructor(
    private readonly features: LevelReader,
    /** As the feature set describes it: name, shape, dtype, layout, stride. */
    readonly description: LevelDescription,
    /** Side of the canvas in pixels. */
    private readonly size: number,
  ) {}

  /** @throws RequestError `level-absent`. */
  static of(features: LevelReader, name: string, { size, levels }: Pick<FeatureSet, 'size' | 'levels'>): LazyLevel {
    const description = levels.find((level) => level.name === name);
    if (description) return new LazyLevel(features, description, size);
    const names = levels.map((level) => level.name).join(', ');
    throw new RequestError('level-absent', `This feature set has no level ${name}, but ${names}.`);
  }

  /** Rows and columns of the whole level. */
  get cells(): readonly [number, number] {
    const { shape, layout } = this.description;
    return layout === 'nchw' ? [shape[1]!, shape[2]!] : [shape[0]!, shape[1]!];
  }

  /**
   * Reads a part of the level.
   *
   * @throws RangeError for rows or columns that the level does not have, or none of them.
   */
  async read(cells: Cells = {}, options: Pick<LevelOptions, 'as'> & CallOptions = {}): Promise<Tensor> {
    const { signal, ...choice } = options;
    const [height, width] = this.cells;
    const [y0, y1] = this.pixels(cells.rows ?? [0, height], height, 'rows');
    const [x0, x1] = this.pixels(cells.columns ?? [0, width], width, 'columns');
    const { name } = this.description;
    const { tensors } = await this.features.read({ ...choice, levels: [name], window: [y0, x0, y1, x1] }, { signal });
    return tensors[name]!;
  }

  /** The pixels of the canvas whose cells are the given ones: the last cells may reach beyond its edge. */
  private pixels([first, end]: readonly [number, number], count: number, what: string): [number, number] {
    const { stride, name } = this.description;
    if (!(Number.isInteger(first) && Number.isInteger(end) && 0 <= first && first < end && end <= count)) {
      throw new RangeError(`${name} has ${count} ${what}: ${first} to ${end} is no part of them.`);
    }
    return [first * stride, Math.min(end * stride, this.size)];
  }
}
