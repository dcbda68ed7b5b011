/**
 * Starts work whose result is awaited later. Should it fail before anybody waits, the failure is kept
 * for the one who will: an unhandled rejection would end the process.
 */
export function startAhead<T>(work: () => Promise<T>): Promise<T> {
  const promise = work();
  promise.catch(() => undefined);
  return promise;
}
