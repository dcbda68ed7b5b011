import { asCairnError, CairnError } from '../../errors.js';
import type { Level } from '../tensor.js';

/** Runs a batch of images in one array; see `Session.run`. */
export type RunBatch = (images: Uint8Array<ArrayBuffer>, batch: number) => Promise<Level[][]>;

export interface BatcherOptions {
  /** Bytes of one image. */
  readonly imageBytes: number;
  /** Most images in a batch; with 1, every image runs alone. */
  readonly maxBatch: number;
  /** How long the first image of a batch waits for others. */
  readonly maxDelayMs: number;
}

interface Waiting {
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly resolve: (levels: Level[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers images of one session that arrive close together into batches. One batch runs at a time;
 * images that arrive meanwhile form the next. A batch is a copy of its images, so that they can be run
 * one by one when it fails: an image that the session refuses fails alone.
 */
export class Batcher {
  private readonly waiting: Waiting[] = [];
  private timer: NodeJS.Timeout | undefined;
  private busy = false;

  constructor(
    private readonly run: RunBatch,
    private readonly options: BatcherOptions,
  ) {}

  /**
   * The levels of one image. Its pixels must not be used afterwards. Levels of images that ran
   * together share memory, which is freed with the last of them.
   *
   * @throws CairnError as `Session.run`.
   */
  add(pixels: Uint8Array<ArrayBuffer>): Promise<Level[]> {
    const { imageBytes, maxBatch, maxDelayMs } = this.options;
    if (maxBatch === 1) return this.runAlone(pixels);
    if (pixels.byteLength !== imageBytes) {
      const problem = `An image has ${pixels.byteLength} bytes; this session takes ${imageBytes}.`;
      return Promise.reject(new CairnError('engine-failed', problem));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ pixels, resolve, reject });
      if (this.busy) return;
      if (this.waiting.length >= maxBatch) void this.runAll();
      else this.timer ??= setTimeout(() => void this.runAll(), maxDelayMs);
    });
  }

  private async runAll(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.busy = true;
    while (this.waiting.length > 0) await this.settle(this.waiting.splice(0, this.options.maxBatch));
    this.busy = false;
  }

  /** Runs waiting images together and resolves each. */
  private async settle(batch: readonly Waiting[]): Promise<void> {
    if (batch.length > 1) {
      try {
        const levels = await this.run(this.join(batch), batch.length);
        batch.forEach(({ resolve }, image) => resolve(levels[image]!));
        return;
      } catch (error) {
        // The runs below find the image at fault, and the others get their levels; a session that hung runs no more.
        if (asCairnError(error).code === 'engine-hung') {
          for (const { reject } of batch) reject(error);
          return;
        }
      }
    }
    for (const { pixels, resolve, reject } of batch) await this.runAlone(pixels).then(resolve, reject);
  }

  private async runAlone(pixels: Uint8Array<ArrayBuffer>): Promise<Level[]> {
    const [levels] = await this.run(pixels, 1);
    return levels!;
  }

  private join(batch: readonly Waiting[]): Uint8Array<ArrayBuffer> {
    const images = new Uint8Array(batch.length * this.options.imageBytes);
    batch.forEach(({ pixels }, image) => images.set(pixels, image * this.options.imageBytes));
    return images;
  }
}
