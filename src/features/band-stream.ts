import { Readable } from 'node:stream';
import type { ArchiveReader } from './archive-reader.js';
import type { BandShare } from './band-budget.js';
import { bandsOf } from './level-axes.js';
import type { LevelDescription } from './feature-set.js';

/** A part of a stream, made when its turn is near. */
export type Piece = () => Promise<Uint8Array>;

/** Pieces in work at once: the one being sent and two ahead of it. */
export const PIECES_IN_WORK = 3;
/** For a single stream, which shares nothing. */
const ALONE: BandShare = { limit: PIECES_IN_WORK, leave: () => undefined };

/**
 * Pieces made from archives as one stream, as many of them ahead of the reader as `share` allows. Ending or destroying
 * the stream ends the work, closes the archives and leaves the share.
 */
export function bandStream(
  archives: readonly ArchiveReader[],
  pieces: Iterable<Piece>,
  share: BandShare = ALONE,
): Readable {
  // A mark of 1 lets a single chunk wait in the stream; the share bounds what is made ahead.
  const stream = Readable.from(inOrder(pieces, share), { highWaterMark: 1 });
  return stream.once('close', () => {
    share.leave();
    void Promise.all(archives.map((archive) => archive.close()));
  });
}

/** All bands of a level of several archives, one archive after the other. */
export function bandPieces(archives: readonly ArchiveReader[], level: LevelDescription): Piece[] {
  const { count } = bandsOf(level);
  return archives.flatMap((archive) => Array.from({ length: count }, (_, band) => () => archive.band(level, band)));
}

export function pieceOf(bytes: Uint8Array): Piece {
  return () => Promise.resolve(bytes);
}

/**
 * Starts work whose result is awaited later. A failure is kept until then: an unhandled rejection would
 * end the process.
 */
export function eager<T>(work: () => Promise<T>): Promise<T> {
  const promise = work();
  promise.catch(() => undefined);
  return promise;
}

/** Runs up to `share.limit` tasks at a time and yields their results in the order of the tasks. */
export async function* inOrder<T>(
  tasks: Iterable<() => Promise<T>>,
  share: Pick<BandShare, 'limit'> = ALONE,
): AsyncGenerator<T> {
  const started: Promise<T>[] = [];
  try {
    for (const task of tasks) {
      started.push(eager(task));
      while (started.length >= share.limit) yield await started.shift()!;
    }
    while (started.length > 0) yield await started.shift()!;
  } finally {
    // Resources may be closed after this, so no task may still be reading.
    await Promise.allSettled(started);
  }
}
