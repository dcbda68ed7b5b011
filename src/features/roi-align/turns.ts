import { setImmediate as yieldToEvents } from 'node:timers/promises';

/**
 * Lets tasks that compute share the thread with everything else: one of them goes on per turn of the event loop, in the
 * order in which they asked, however many there are.
 */
export class Turns {
  private last = Promise.resolve();

  /** Resolves when it is the caller's turn. */
  next(): Promise<void> {
    this.last = this.last.then(() => yieldToEvents());
    return this.last;
  }
}
