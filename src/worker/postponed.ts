import type { Job } from 'bullmq';
import type { CairnError } from '../errors.js';

/** How long a job is postponed at first; twice as long each time, so that thousands of them do not keep Redis busy. */
const POSTPONE_MS = 250;
const MAX_POSTPONE_MS = 15_000;

/**
 * Thrown for a job that cannot begin now, though nothing is wrong with it: it goes back to the queue and holds no place
 * meanwhile. That is not one of its attempts.
 */
export class Postponed extends Error {
  override readonly name = 'Postponed';
}

/** Thrown for a job that goes back to the queue for another worker, which is not one of its attempts. */
export class HandedOn extends Error {
  override readonly name = 'HandedOn';

  constructor(readonly reason: CairnError) {
    super(reason.message, { cause: reason });
  }
}

/**
 * Milliseconds until a postponed job is tried again; `attemptsStarted` counts the postponed starts too. Spread, since jobs of
 * a batch are postponed together.
 */
export function postponement({ attemptsStarted, attemptsMade }: Pick<Job, 'attemptsStarted' | 'attemptsMade'>): number {
  const before = Math.max(0, attemptsStarted - attemptsMade - 1);
  return Math.min(POSTPONE_MS * 2 ** before, MAX_POSTPONE_MS) * (0.75 + Math.random() / 2);
}
