import type { Readable } from 'node:stream';
import type { ArchiveReader } from './archive-reader.js';
import { bandPieces, bandStream, pieceOf, type Piece } from './band-stream.js';
import { bandsOf } from './level-axes.js';
import type { LevelDescription } from './feature-set.js';
import { levelBytes, safetensorsHeader } from './safetensors.js';
import { bandsUnder, cutBand, cutLevel, cutOf, originOf, type Window } from './window.js';

export interface StreamOptions {
  /** Cut this out of each level; whole levels without it. */
  readonly window?: Window | undefined;
  /** As frames of zstd. Whole levels are sent as they are stored. */
  readonly compressed?: boolean;
}

export interface LevelStream {
  readonly stream: Readable;
  /** In bytes; unknown for a window that is compressed on the way. */
  readonly length: number | undefined;
}

interface Parts {
  readonly header: Buffer;
  /** Of the pieces together. */
  readonly length: number | undefined;
  readonly pieces: readonly Piece[];
}

/**
 * Levels of an archive as a safetensors stream: header first, then band after band. Ending or destroying the
 * stream closes the archive; if this throws, the caller does.
 */
export async function streamLevels(
  archive: ArchiveReader,
  levels: readonly LevelDescription[],
  { window, compressed = false }: StreamOptions = {},
): Promise<LevelStream> {
  const parts = window ? cutOut(archive, levels, window, compressed) : whole(archive, levels, compressed);
  const { header, length, pieces } = parts;
  const head = compressed ? await archive.zstd.compress(header) : header;
  const stream = bandStream([archive], [pieceOf(head), ...pieces]);
  return { stream, length: length === undefined ? undefined : head.length + length };
}

function whole(archive: ArchiveReader, levels: readonly LevelDescription[], compressed: boolean): Parts {
  const bytes = levels.map((level) => (compressed ? archive.storedBytes(level) : levelBytes(level)));
  const stored = (level: LevelDescription): Piece[] =>
    Array.from({ length: bandsOf(level).count }, (_, band) => () => archive.storedBand(level, band));
  const pieces = levels.flatMap((level) => (compressed ? stored(level) : bandPieces([archive], level)));
  return { header: safetensorsHeader(archive.description, levels), length: sum(bytes), pieces };
}

/** The header states the window and where each cut begins on its level: `[row, column]`. */
function cutOut(
  archive: ArchiveReader,
  levels: readonly LevelDescription[],
  window: Window,
  compressed: boolean,
): Parts {
  const cuts = levels.map((level) => cutLevel(level, window));
  const origins = levels.map((level) => [level.name, originOf(level, cutOf(level, window))]);
  const header = safetensorsHeader(archive.description, cuts, {
    cutWindow: window,
    origins: Object.fromEntries(origins) as Record<string, [number, number]>,
  });
  const pieces = levels.flatMap((level) => {
    const cut = cutOf(level, window);
    return bandsUnder(level, cut).map((band) => async () => {
      const piece = cutBand(await archive.band(level, band), level, band, cut);
      return compressed ? archive.zstd.compress(piece) : piece;
    });
  });
  return { header, length: compressed ? undefined : sum(cuts.map(levelBytes)), pieces };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
