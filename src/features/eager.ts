/**
 * Starts work whose result is awaited later. A failure is kept until then: an unhandled rejection would
 * end the process.
 */
export function eager<T>(work: () => Promise<T>): Promise<T> {
  const promise = work();
  promise.catch(() => undefined);
  return promise;
}

/** Runs up to `limit` tasks at a time and yields their results in the order of the tasks. */
export async function* mapOrdered<T>(tasks: Iterable<() => Promise<T>>, limit: number): AsyncGenerator<T> {
  const started: Promise<T>[] = [];
  try {
    for (const task of tasks) {
      started.push(eager(task));
      if (started.length >= limit) yield await started.shift()!;
    }
    while (started.length > 0) yield await started.shift()!;
  } finally {
    // Resources may be closed after this, so no task may still be reading.
    await Promise.allSettled(started);
  }
}
