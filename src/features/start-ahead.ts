/**
 * Starts work whose result is awaited later. Should it fail before anybody waits, the failure is kept
 * for the one who will: an unhandled rejection would end the process.
 */
export function startAhead<T>(work: () => Promise<T>): Promise<T> {
  const promise = work();
  promise.catch(() => undefined);
  return promise;
}

/** Keeps up to `limit` tasks running and yields their results in the order of the tasks. */
export async function* inOrder<T>(tasks: Iterable<() => Promise<T>>, limit: number): AsyncGenerator<T> {
  const started: Promise<T>[] = [];
  try {
    for (const task of tasks) {
      started.push(startAhead(task));
      if (started.length >= limit) yield await started.shift()!;
    }
    while (started.length > 0) yield await started.shift()!;
  } finally {
    // Nothing goes on reading what is closed after this.
    await Promise.allSettled(started);
  }
}
