import type { Chunks } from './store.js';

/** Tells an error of what is written from one of the store it is written to. */
export class SourceFailure extends Error {}

/** What is written, until `signal` is aborted. @throws SourceFailure with the source's own error, or the signal's, as cause. */
export async function* fromSource(chunks: Chunks, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const source = chunks[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await untilAborted(source.next(), signal);
      if ((ended = next.done === true)) return;
      yield next.value;
    }
  } catch (cause) {
    throw new SourceFailure('the source failed', { cause });
  } finally {
    // One that hangs would never answer this.
    if (!ended) source.return?.().then(undefined, () => undefined);
  }
}

/** @throws the signal's reason as soon as it is aborted, whatever `work` does. */
async function untilAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    // Whichever lost may still fail.
    work.then(undefined, () => undefined);
    aborted.catch(() => undefined);
  }
}
