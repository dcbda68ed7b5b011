import { axesOf, BYTES_PER_ELEMENT, type Axis } from '../backbone/tensor.js';
import type { LevelDescription } from './feature-set.js';

/** First index and the one after the last. */
export type Range = readonly [from: number, to: number];

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

/** Large enough to compress well and read fast, small enough that a region costs little. */
const TARGET_BYTES = 1 << 20;

/** How a level is cut along the first axis of its array; each band is one contiguous slice of the tensor. */
export interface Bands {
  /** Indices of the first axis per band. */
  readonly length: number;
  readonly count: number;
  readonly shape: readonly [number, number, number];
  readonly bytes: number;
}

/**
 * The largest band of about 1 MiB whose length divides the first axis: Zarr would pad a shorter last
 * chunk, which would then no longer be a slice of the tensor. Bands of rows that are stored as JPEG are a multiple of
 * 8 rows instead; the last may be shorter.
 */
export function bandsOf(level: LevelDescription): Bands {
  const { shape, dtype, codec } = level;
  const [first, second, third] = shape;
  const sliceBytes = second * third * BYTES_PER_ELEMENT[dtype];
  let length = Math.min(first, Math.max(1, Math.round(TARGET_BYTES / sliceBytes)));
  if (codec === 'jpeg') length = Math.min(length, longestInJpeg(level));
  if (codec === 'jpeg' && axesOf(level)[0] === 'y')
    length = Math.min(first, Math.max(length - (length % BLOCK), BLOCK));
  else while (first % length !== 0) length--;
  return { length, count: Math.ceil(first / length), shape: [length, second, third], bytes: length * sliceBytes };
}

/** Sides of the blocks that JPEG compresses, in elements. */
export const BLOCK = 8;
/** The longest side that libvips accepts. */
const MAX_JPEG_SIDE = 65_500;

const wholeBlocks = (length: number) => Math.ceil(length / BLOCK) * BLOCK;

/** How many indices of the first axis fit into one image with the planes of all channels below each other. */
function longestInJpeg(level: LevelDescription): number {
  const other = axesOf(level)[0] === 'channel' ? wholeBlocks(lengthOf(level, 'y')) : lengthOf(level, 'channel');
  return Math.floor(MAX_JPEG_SIDE / other);
}

/** The shape of a chunk that is stored as JPEG: its rows and columns are whole blocks, beyond the map where need be. */
export function jpegChunk(level: LevelDescription): [number, number, number] {
  const [first, second, third] = bandsOf(level).shape;
  if (axesOf(level)[0] === 'channel') return [first, wholeBlocks(second), wholeBlocks(third)];
  return [wholeBlocks(first), wholeBlocks(second), third];
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
