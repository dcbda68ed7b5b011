import { bandsOf } from './bands.js';
import type { LevelDescription } from './feature-set.js';

/**
 * The order of a level's axes in its array. This is the only file that knows it: bands cut the first axis,
 * whichever it is, and windows, regions, metadata and headers ask here.
 */
export type Axis = 'y' | 'x' | 'channel';

const NHWC = ['y', 'x', 'channel'] as const satisfies readonly Axis[];

/** First index and the one after the last. */
export type Range = readonly [from: number, to: number];

/** The axes of a level's array, slowest first; also Zarr's `dimension_names`. */
// eslint-disable-next-line @typescript-eslint/no-unused-vars -- every level has the same order today
export function axesOf(_: LevelDescription): readonly [Axis, Axis, Axis] {
  return NHWC;
}

/** Rows, columns or channels of a level. */
export function lengthOf(level: LevelDescription, axis: Axis): number {
  return level.shape[axesOf(level).indexOf(axis)]!;
}

/** One value per axis, in the order of the level's array. */
export function inArrayOrder<T>(level: LevelDescription, values: Readonly<Record<Axis, T>>): [T, T, T] {
  const [first, second, third] = axesOf(level);
  return [values[first], values[second], values[third]];
}

/** One value per axis, given in the order of the level's array. */
export function byAxis<T>(level: LevelDescription, values: readonly [T, T, T]): Record<Axis, T> {
  return Object.fromEntries(axesOf(level).map((axis, i) => [axis, values[i]!])) as Record<Axis, T>;
}

/** The rows of some channels of a level, each of which lies in one band. */
export interface Rows {
  readonly channels: Range;
  /** Elements between neighbouring columns. */
  readonly columnStep: number;
  /** Elements between neighbouring channels. */
  readonly channelStep: number;
  /** The band that holds row `y`, and the element in it where the row begins. */
  at(y: number): { readonly band: number; readonly start: number };
}

/** The rows of a level. Where bands are of whole channels, there are rows per band; else one set for all channels. */
export function rowsOf(level: LevelDescription): Rows[] {
  const { length } = bandsOf(level);
  const [, second, third] = level.shape;
  const steps = byAxis(level, [second * third, third, 1]);
  const channels = lengthOf(level, 'channel');
  const shared = { columnStep: steps.x, channelStep: steps.channel };
  if (axesOf(level)[0] !== 'channel') {
    const at = (y: number) => {
      const band = Math.floor(y / length);
      return { band, start: (y - band * length) * steps.y };
    };
    return [{ ...shared, channels: [0, channels], at }];
  }
  return Array.from({ length: channels / length }, (_, band) => ({
    ...shared,
    channels: [band * length, (band + 1) * length],
    at: (y: number) => ({ band, start: y * steps.y }),
  }));
}
