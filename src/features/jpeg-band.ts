import { asCairnError } from '../errors.js';
import { axesOf } from '../backbone/tensor.js';
import { decodeJpeg, encodeJpeg } from '../formats/jpeg.js';
import type { LevelDescription } from './feature-set.js';
import { bandsOf, jpegChunk, lengthOf } from './level-axes.js';

/**
 * A band of a level as one grey image: its channels' planes, one below the other. Rows and columns are repeated up to
 * multiples of 8, so that no block of JPEG belongs to two channels and none has an edge that is not the map's.
 */
interface BandPlanes {
  readonly firstChannel: number;
  readonly channels: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  /** With the repetitions. */
  readonly paddedRows: number;
  readonly paddedColumns: number;
}

function planesOf(level: LevelDescription, band: number): BandPlanes {
  const { length } = bandsOf(level);
  const first = band * length;
  const count = Math.min(length, level.shape[0] - first);
  const columns = lengthOf(level, 'x');
  const chunk = jpegChunk(level);
  if (axesOf(level)[0] === 'channel') {
    const rows = { firstRow: 0, rows: lengthOf(level, 'y'), paddedRows: chunk[1] };
    return { firstChannel: first, channels: count, columns, paddedColumns: chunk[2], ...rows };
  }
  const rows = { firstRow: first, rows: count, paddedRows: chunk[0] };
  return { firstChannel: 0, channels: lengthOf(level, 'channel'), columns, paddedColumns: chunk[1], ...rows };
}

/**
 * The pixels of a band's image, `channels · paddedRows` × `paddedColumns`.
 *
 * @param map The whole level as planes, `[channels, rows, columns]`, whatever the order of its array.
 */
export function bandImage(map: Uint8Array, level: LevelDescription, band: number): Uint8Array {
  const { firstChannel, channels, firstRow, rows, columns, paddedRows, paddedColumns } = planesOf(level, band);
  const plane = lengthOf(level, 'y') * columns;
  const start = (channel: number) => (firstChannel + channel) * plane + firstRow * columns;
  const whole = rows === paddedRows && columns === paddedColumns;
  if (whole && rows * columns === plane) return map.subarray(start(0), start(channels));
  const image = new Uint8Array(channels * paddedRows * paddedColumns);
  // Buffers copy without a view per run.
  const bytes = Buffer.from(map.buffer, map.byteOffset, map.byteLength);
  for (let channel = 0, to = 0; channel < channels; channel++, to += paddedRows * paddedColumns) {
    const from = start(channel);
    if (whole) {
      bytes.copy(image, to, from, from + rows * columns);
      continue;
    }
    for (let row = 0; row < paddedRows; row++) {
      const source = from + Math.min(row, rows - 1) * columns;
      const target = to + row * paddedColumns;
      bytes.copy(image, target, source, source + columns);
      image.fill(bytes[source + columns - 1]!, target + columns, target + paddedColumns);
    }
  }
  return image;
}

/** Compresses the image of a band. */
export function encodeBandImage(image: Uint8Array, level: LevelDescription, band: number): Promise<Uint8Array> {
  const { channels, paddedRows, paddedColumns } = planesOf(level, band);
  return encodeJpeg(image, paddedColumns, channels * paddedRows, level.quality!);
}

/** Decompresses a band: uint8 in the order of the level's array. @throws CairnError `archive-corrupt`. */
export async function decodeBand(jpeg: Uint8Array, level: LevelDescription, band: number): Promise<Uint8Array> {
  const { channels, rows, columns, paddedRows, paddedColumns } = planesOf(level, band);
  const image = await decodeJpeg(jpeg, paddedColumns, channels * paddedRows).catch((error: unknown) => {
    throw asCairnError(error, 'archive-corrupt');
  });
  const planar = axesOf(level)[0] === 'channel';
  if (planar && rows === paddedRows && columns === paddedColumns) return image;
  const [channelStep, columnStep] = planar ? [rows * columns, 1] : [1, channels];
  const bytes = new Uint8Array(channels * rows * columns);
  // Row by row: the rows of all channels together stay in the cache.
  for (let row = 0; row < rows; row++) {
    for (let channel = 0; channel < channels; channel++) {
      const from = (channel * paddedRows + row) * paddedColumns;
      const to = channel * channelStep + row * columns * columnStep;
      for (let column = 0; column < columns; column++) bytes[to + column * columnStep] = image[from + column]!;
    }
  }
  return bytes;
}
