import pLimit from 'p-limit';
import { CairnError } from '../../errors.js';
import type { DecodeLimits } from './decode.js';
import { DecoderChild } from './decoder-child.js';
import type { DecodeReply, Frame } from './decoder-frames.js';
import type { Canvas } from './preprocess.js';

/** What decoding one image may take. */
export interface DecoderLimits {
  /** Time that passes, whatever else the machine does. */
  readonly timeoutMs: number;
  /** CPU time of all threads together. */
  readonly cpuMs: number;
  /** Resident memory of the decoder's process, which is about 100 MB before the first image. */
  readonly maxBytes: number;
}

export const DEFAULT_DECODER_LIMITS: DecoderLimits = { timeoutMs: 120_000, cpuMs: 30_000, maxBytes: 2 ** 31 };

/** Starting anew takes longer than decoding most images. */
const ABORT_GRACE_MS = 250;
/** An image is tried again once: a decoder may be ended from outside. */
const TRIES = 2;

/**
 * Prepares images in a child process, one at a time: libvips can neither be interrupted nor trusted to survive every image,
 * but a process can be ended. One that was is replaced.
 */
export class Decoder {
  private readonly oneByOne = pLimit(1);
  private child: DecoderChild | undefined;
  private closed = false;

  constructor(
    private readonly decode: Partial<DecodeLimits> = {},
    private readonly limits: DecoderLimits = DEFAULT_DECODER_LIMITS,
  ) {}

  /** Starts the process now, so that the first image does not wait for it. */
  start(): void {
    this.child ??= this.spawn();
  }

  /**
   * As `preprocess` of the library.
   *
   * @throws CairnError as `preprocess`; `image-decode-limit` when the image takes more than it may, `image-decode-crash`
   *   when the decoder dies of it, `cancelled` when `signal` is aborted, which ends the decoding.
   */
  preprocess(bytes: Uint8Array, size: number, signal?: AbortSignal): Promise<Canvas> {
    return this.oneByOne(async () => {
      for (let left = TRIES - 1; ; left--) {
        if (signal?.aborted) throw cancelled();
        if (this.closed) throw new CairnError('image-decode-crash', 'The decoder has been closed.');
        const child = (this.child ??= this.spawn());
        const reply = await this.ask(child, bytes, size, signal);
        if (reply) return this.accept(child, reply);
        if (left === 0) throw new CairnError('image-decode-crash', `The decoder dies of this image: ${child.end}.`);
      }
    });
  }

  /** Ends the process. May be called twice. */
  async close(): Promise<void> {
    this.closed = true;
    await this.child?.kill();
  }

  private spawn(): DecoderChild {
    const { cpuMs, maxBytes } = this.limits;
    const child = new DecoderChild({ decode: this.decode, cpuMs, maxBytes });
    void child.ended.then(() => {
      if (this.child === child) this.child = undefined;
    });
    return child;
  }

  /** Undefined when the child ended without a reply. */
  private async ask(child: DecoderChild, bytes: Uint8Array, size: number, signal: AbortSignal | undefined) {
    const { timeoutMs } = this.limits;
    const timers: NodeJS.Timeout[] = [];
    let onAbort: (() => void) | undefined;
    const stopped = new Promise<never>((_, reject) => {
      const late = `The image has not been decoded after ${timeoutMs / 1000} s.`;
      timers.push(setTimeout(() => reject(new CairnError('image-decode-limit', late)), timeoutMs));
      onAbort = () => timers.push(setTimeout(() => reject(cancelled()), ABORT_GRACE_MS));
      signal?.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([child.ask({ size }, bytes), stopped]);
    } catch (error) {
      this.replace(child);
      throw error;
    } finally {
      for (const timer of timers) clearTimeout(timer);
      if (onAbort) signal?.removeEventListener('abort', onAbort);
    }
  }

  private accept(child: DecoderChild, { header, payload }: Frame<DecodeReply>): Canvas {
    const { canvas, error, rss } = header;
    // Memory that a large image has left behind would count against the next one.
    if (error?.code === 'image-decode-limit' || rss > this.limits.maxBytes / 2) {
      this.replace(child);
    }
    if (error) throw new CairnError(error.code, error.message);
    return { ...canvas!, pixels: payload };
  }

  private replace(child: DecoderChild): void {
    if (this.child === child) this.child = undefined;
    void child.kill();
    if (!this.closed) this.start();
  }
}

function cancelled(): CairnError {
  return new CairnError('cancelled', 'The job was cancelled.');
}
