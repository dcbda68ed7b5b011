import type { Readable } from 'node:stream';
import type { ArchiveReader } from './archive-reader.js';
import type { BandShare } from './band-budget.js';
import { bandStream, pieceOf, type Piece } from './band-stream.js';
import type { LevelDescription } from './feature-set.js';
import { bandsOf } from './level-axes.js';
import { converter, levelAs, type SentDtype } from './level-values.js';
import { levelBytes, safetensorsHeader } from './safetensors.js';
import { bandsUnder, cutBand, cutLevel, cutOf, originOf, wholeOf, type Window } from './window.js';

export interface StreamOptions {
  /** Cut this out of each level; whole levels without it. */
  readonly window?: Window | undefined;
  /** Convert values to this type; as they are stored without it. */
  readonly as?: SentDtype | undefined;
  /** As frames of zstd. Whole levels that are stored as such frames, in the type that is sent, are sent as they are. */
  readonly compressed?: boolean;
  /** Bounds the bands in work; the stream leaves it when it closes. */
  readonly share?: BandShare;
}

export interface LevelStream {
  readonly stream: Readable;
  /** In bytes; unknown where levels are compressed on the way. */
  readonly length: number | undefined;
}

/** A level as it is sent. */
interface Part {
  readonly level: LevelDescription;
  /** Of the pieces together. */
  readonly length: number | undefined;
  readonly pieces: readonly Piece[];
}

/**
 * Levels of an archive as a safetensors stream: header first, then band after band. With a window the header states it,
 * and where each cut begins on its level: `[row, column]`. Ending or destroying the stream closes the archive; if this
 * throws, the caller does.
 */
export async function streamLevels(
  archive: ArchiveReader,
  levels: readonly LevelDescription[],
  options: StreamOptions = {},
): Promise<LevelStream> {
  const { window, compressed = false } = options;
  const parts = levels.map((level) => partOf(archive, level, options));
  const sent = parts.map(({ level }) => level);
  const header = safetensorsHeader(archive.description, sent, window && cutsOf(levels, window));
  const head = compressed ? await archive.zstd.compress(header) : header;
  const stream = bandStream([archive], [pieceOf(head), ...parts.flatMap(({ pieces }) => pieces)], options.share);
  return { stream, length: sum([head.length, ...parts.map(({ length }) => length)]) };
}

function cutsOf(levels: readonly LevelDescription[], window: Window) {
  const origins = levels.map((level) => [level.name, originOf(level, cutOf(level, window))] as const);
  return { cutWindow: window, origins: Object.fromEntries(origins) };
}

function partOf(archive: ArchiveReader, level: LevelDescription, { window, as, compressed }: StreamOptions): Part {
  const converted = levelAs(level, as);
  if (compressed && !window && converted === level && level.codec === undefined) {
    const pieces = Array.from({ length: bandsOf(level).count }, (_, band) => () => archive.storedBand(level, band));
    return { level, length: archive.storedBytes(level), pieces };
  }
  const cut = window ? cutOf(level, window) : wholeOf(level);
  const convert = as !== undefined && converted !== level ? converter(level, as) : unchanged;
  const pieces = bandsUnder(level, cut).map((band) => async () => {
    const piece = convert(cutBand(await archive.band(level, band), level, band, cut));
    return compressed ? archive.zstd.compress(piece) : piece;
  });
  const sent = window ? cutLevel(converted, window) : converted;
  return { level: sent, length: compressed ? undefined : levelBytes(sent), pieces };
}

function unchanged<T>(value: T): T {
  return value;
}

/** Undefined where one of the numbers is. */
function sum(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.reduce(
    (total, number) => (total === undefined || number === undefined ? undefined : total + number),
    0,
  );
}
