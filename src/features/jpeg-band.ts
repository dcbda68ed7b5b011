import { asCairnError } from '../errors.js';
import { axesOf } from '../backbone/tensor.js';
import { decodeJpeg, encodeJpeg } from '../formats/jpeg.js';
import type { LevelDescription } from './feature-set.js';
import { bandsOf, jpegChunk, lengthOf } from './level-axes.js';

/**
 * A band of a level as one grey image: its channels' planes, one below the other. Rows and columns are repeated up to
 * multiples of 8, so that no block of JPEG belongs to two channels and none has an edge that is not the map's.
 */
interface Planes {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  /** With the repetitions. */
  readonly paddedRows: number;
  readonly paddedColumns: number;
  /** Elements between neighbours in the band's own order. */
  readonly steps: { readonly channel: number; readonly row: number; readonly column: number };
}

function planesOf(level: LevelDescription, band: number): Planes {
  const { length } = bandsOf(level);
  const count = Math.min(length, level.shape[0] - band * length);
  const columns = lengthOf(level, 'x');
  const [first, second, third] = jpegChunk(level);
  if (axesOf(level)[0] === 'channel') {
    const rows = lengthOf(level, 'y');
    const steps = { channel: rows * columns, row: columns, column: 1 };
    return { channels: count, rows, columns, paddedRows: second, paddedColumns: third, steps };
  }
  const channels = lengthOf(level, 'channel');
  const steps = { channel: 1, row: columns * channels, column: channels };
  return { channels, rows: count, columns, paddedRows: first, paddedColumns: second, steps };
}

/** Compresses a band: uint8 in the order of the level's array. */
export function encodeBand(bytes: Uint8Array, level: LevelDescription, band: number): Promise<Uint8Array> {
  const planes = planesOf(level, band);
  const { channels, paddedRows, paddedColumns } = planes;
  return encodeJpeg(toPlanes(bytes, planes), paddedColumns, channels * paddedRows, level.quality!);
}

/** The inverse of `encodeBand`, but for what JPEG loses. @throws CairnError `archive-corrupt`. */
export async function decodeBand(jpeg: Uint8Array, level: LevelDescription, band: number): Promise<Uint8Array> {
  const planes = planesOf(level, band);
  const { channels, paddedRows, paddedColumns } = planes;
  try {
    return fromPlanes(await decodeJpeg(jpeg, paddedColumns, channels * paddedRows), planes);
  } catch (error) {
    throw asCairnError(error, 'archive-corrupt');
  }
}

function isPlanar({ rows, columns, paddedRows, paddedColumns, steps }: Planes): boolean {
  return steps.column === 1 && rows === paddedRows && columns === paddedColumns;
}

function toPlanes(bytes: Uint8Array, planes: Planes): Uint8Array {
  if (isPlanar(planes)) return bytes;
  const { channels, rows, columns, paddedRows, paddedColumns, steps } = planes;
  const image = new Uint8Array(channels * paddedRows * paddedColumns);
  for (let channel = 0, to = 0; channel < channels; channel++) {
    for (let row = 0; row < paddedRows; row++) {
      const from = channel * steps.channel + Math.min(row, rows - 1) * steps.row;
      for (let column = 0; column < paddedColumns; column++) {
        image[to++] = bytes[from + Math.min(column, columns - 1) * steps.column]!;
      }
    }
  }
  return image;
}

function fromPlanes(image: Uint8Array, planes: Planes): Uint8Array {
  if (isPlanar(planes)) return image;
  const { channels, rows, columns, paddedRows, paddedColumns, steps } = planes;
  const bytes = new Uint8Array(channels * rows * columns);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < rows; row++) {
      const from = (channel * paddedRows + row) * paddedColumns;
      const to = channel * steps.channel + row * steps.row;
      for (let column = 0; column < columns; column++) bytes[to + column * steps.column] = image[from + column]!;
    }
  }
  return bytes;
}
