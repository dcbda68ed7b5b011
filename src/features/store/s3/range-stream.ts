import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Opens the bytes from `start` to the end that the stream was made for. */
export type OpenBody = (start: number, signal: AbortSignal) => Promise<Readable>;

/** Bodies in a row that may break off before a byte of them has come. */
const MAX_FAILURES = 4;
const BACK_OFF_MS = 100;

/**
 * The bytes from `start` up to and including `end`. A body that breaks off is continued where it ended, by another request; one
 * that cannot be opened is an error, since `open` has its own retries.
 */
export class RangeStream extends Readable {
  private readonly stop = new AbortController();
  private body: Readable | undefined;
  private chunks: AsyncIterator<Buffer, undefined> | undefined;
  private failures = 0;

  constructor(
    private readonly open: OpenBody,
    private at: number,
    private readonly end: number,
    signal?: AbortSignal,
  ) {
    super();
    if (!signal) return;
    const abort = () => this.destroy(signal.reason as Error);
    if (signal.aborted) abort();
    else {
      signal.addEventListener('abort', abort, { once: true });
      this.once('close', () => signal.removeEventListener('abort', abort));
    }
  }

  override _read(): void {
    this.next().then(
      (chunk) => this.push(chunk),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // A connection whose body has ended is used again.
    if (this.at <= this.end) {
      this.stop.abort();
      this.body?.destroy();
    }
    done(error);
  }

  private async next(): Promise<Buffer | null> {
    const { signal } = this.stop;
    while (this.at <= this.end) {
      if (!this.chunks) {
        this.body = await this.open(this.at, signal);
        // Errors are received by the iterator; one after its end must not end the process.
        this.body.on('error', () => undefined);
        this.chunks = this.body[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
      }
      try {
        const { done, value } = await this.chunks.next();
        if (done) throw new Error(`the body ended before byte ${this.at}`);
        const chunk = value.subarray(0, this.end + 1 - this.at);
        this.at += chunk.length;
        this.failures = 0;
        if (chunk.length > 0) return chunk;
      } catch (error) {
        this.body?.destroy();
        this.body = this.chunks = undefined;
        if (signal.aborted || ++this.failures >= MAX_FAILURES) throw error;
        await sleep(BACK_OFF_MS * 2 ** this.failures, undefined, { signal });
      }
    }
    await this.chunks?.next().catch(() => undefined);
    return null;
  }
}
