/** The results of `work`, in the order of the items, of which at most `concurrency` are worked on at once. */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  concurrency: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const begun: Promise<R>[] = [];
  for await (const item of items) {
    const result = work(item);
    // If an earlier one fails, nobody waits for this one.
    result.catch(() => undefined);
    begun.push(result);
    if (begun.length >= concurrency) yield await begun.shift()!;
  }
  for (const result of begun) yield await result;
}
