import type { Readable } from 'node:stream';
import type { ArchiveReader } from './archive-reader.js';
import { bandsOf } from './bands.js';
import type { LevelDescription } from './feature-set.js';
import { levelBytes, safetensorsHeader } from './safetensors.js';
import { inOrder } from './start-ahead.js';
import { bandsUnder, cutBand, cutLevel, cutOf, type Window } from './window.js';

/** Bands in work at once: the one that is being sent and two ahead of it. */
const BANDS_IN_WORK = 3;

export interface StreamOptions {
  /** Cut this out of each level; whole levels without it. */
  readonly window?: Window | undefined;
  /** As frames of zstd. Whole levels are sent as they are stored. */
  readonly compressed?: boolean;
}

export interface LevelStream {
  readonly stream: Readable;
  /** In bytes; not known of a window that is compressed on the way. */
  readonly length: number | undefined;
}

/** What follows the header. */
interface Body {
  readonly length: number | undefined;
  readonly pieces: readonly (() => Promise<Uint8Array>)[];
}

/**
 * Levels of an archive as a safetensors stream: header first, then band after band, two ahead of the
 * reader. Ending or destroying the stream closes the archive; until there is one, the caller does.
 */
export async function streamLevels(
  archive: ArchiveReader,
  levels: readonly LevelDescription[],
  { window, compressed = false }: StreamOptions = {},
): Promise<LevelStream> {
  const plain = window ? windowHeader(archive, levels, window) : safetensorsHeader(archive.description, levels);
  const { length, pieces } = window
    ? windowBody(archive, levels, window, compressed)
    : wholeBody(archive, levels, compressed);
  const head = compressed ? await archive.zstd.compress(plain) : plain;
  const chunks = async function* () {
    yield head;
    yield* inOrder(pieces, BANDS_IN_WORK);
  };
  return { stream: archive.streamOf(chunks()), length: length === undefined ? undefined : head.length + length };
}

function wholeBody(archive: ArchiveReader, levels: readonly LevelDescription[], compressed: boolean): Body {
  const bytes = levels.map((level) => (compressed ? archive.storedBytes(level) : levelBytes(level)));
  const pieces = levels.flatMap((level) =>
    Array.from(
      { length: bandsOf(level).count },
      (_, band) => () => (compressed ? archive.storedBand(level, band) : archive.band(level, band)),
    ),
  );
  return { length: sum(bytes), pieces };
}

function windowBody(
  archive: ArchiveReader,
  levels: readonly LevelDescription[],
  window: Window,
  compressed: boolean,
): Body {
  const pieces = levels.flatMap((level) => {
    const cut = cutOf(level, window);
    return bandsUnder(level, cut).map((band) => async () => {
      const piece = cutBand(await archive.band(level, band), level, band, cut);
      return compressed ? archive.zstd.compress(piece) : piece;
    });
  });
  return { length: compressed ? undefined : sum(levels.map((level) => levelBytes(cutLevel(level, window)))), pieces };
}

/** Tells what was cut, and where on its level each cut begins: `[row, column]`. */
function windowHeader(archive: ArchiveReader, levels: readonly LevelDescription[], window: Window): Buffer {
  const origins = levels.map((level) => {
    const { rows, columns } = cutOf(level, window);
    return [level.name, [rows[0], columns[0]]];
  });
  const cuts = levels.map((level) => cutLevel(level, window));
  return safetensorsHeader(archive.description, cuts, {
    cutWindow: window,
    origins: Object.fromEntries(origins) as Record<string, [number, number]>,
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
