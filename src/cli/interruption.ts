import { constants } from 'node:os';
import { asCairnError, CairnError } from '../errors.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Shells add the number of the signal that ended a command to this. */
const SIGNAL_STATUS = 128;

/**
 * Runs `work` with a signal that Ctrl-C aborts; a second Ctrl-C ends the process at once. `onInterrupted` is called
 * if the first one ended the work.
 */
export async function interruptible(
  work: (signal: AbortSignal) => Promise<void>,
  onInterrupted?: () => void,
): Promise<void> {
  const stop = new AbortController();
  let received: (typeof SIGNALS)[number] | undefined;
  const onSignal = (signal: (typeof SIGNALS)[number]) => {
    received = signal;
    for (const other of SIGNALS) process.off(other, onSignal);
    stop.abort(new CairnError('cancelled', 'The command was interrupted.'));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    await work(stop.signal);
  } catch (error) {
    if (received === undefined || asCairnError(error).code !== 'cancelled') throw error;
    onInterrupted?.();
    process.exitCode = SIGNAL_STATUS + constants.signals[received];
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
