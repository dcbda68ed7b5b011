import { constants } from 'node:os';
import { asCairnError } from '../../errors.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** A shell tells a command that a signal ended by this and the signal's number. */
const SIGNAL_STATUS = 128;

/**
 * Runs `work` with a signal that Ctrl-C aborts; a second Ctrl-C ends the process at once. Where the first
 * one ended the work, `farewell` says what is left to do.
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>, farewell: () => void): Promise<void> {
  const stop = new AbortController();
  let received: (typeof SIGNALS)[number] | undefined;
  const onSignal = (signal: (typeof SIGNALS)[number]) => {
    received = signal;
    for (const other of SIGNALS) process.off(other, onSignal);
    stop.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    await work(stop.signal);
  } catch (error) {
    if (received === undefined || asCairnError(error).code !== 'cancelled') throw error;
    farewell();
    process.exitCode = SIGNAL_STATUS + constants.signals[received];
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
