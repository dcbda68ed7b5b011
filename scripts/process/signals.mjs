// Ctrl-C and its relatives.
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Calls `handler(signal, count)` for each of these signals instead of ending the process. Returns the undo. */
export function onSignals(handler) {
  let count = 0;
  const listener = (signal) => handler(signal, ++count);
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, listener);
  };
}
