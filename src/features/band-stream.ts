import { Readable } from 'node:stream';
import type { ArchiveReader } from './archive-reader.js';
import { bandsOf } from './bands.js';
import { mapOrdered } from './eager.js';
import type { LevelDescription } from './feature-set.js';

/** A part of a stream, made when its turn is near. */
export type Piece = () => Promise<Uint8Array>;

/** Pieces in work at once: the one being sent and two ahead of it. */
const IN_WORK = 3;

/**
 * Pieces made from archives as one stream, a few of them ahead of the reader. Ending or destroying the
 * stream ends the work and closes the archives.
 */
export function bandStream(
  archives: readonly ArchiveReader[],
  pieces: Iterable<Piece>,
  inWork: number = IN_WORK,
): Readable {
  // A mark of 1 lets a single chunk wait in the stream; `inWork` bounds what is made ahead.
  const stream = Readable.from(inOrder(pieces, inWork), { highWaterMark: 1 });
  return stream.once('close', () => void Promise.all(archives.map((archive) => archive.close())));
}

/** The same pieces without a stream. */
export function inOrder(pieces: Iterable<Piece>, inWork: number = IN_WORK): AsyncGenerator<Uint8Array> {
  return mapOrdered(pieces, inWork);
}

/** All bands of a level of several archives, one archive after the other. */
export function bandPieces(archives: readonly ArchiveReader[], level: LevelDescription): Piece[] {
  const { count } = bandsOf(level);
  return archives.flatMap((archive) => Array.from({ length: count }, (_, band) => () => archive.band(level, band)));
}

export function pieceOf(bytes: Uint8Array): Piece {
  return () => Promise.resolve(bytes);
}
