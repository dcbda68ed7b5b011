const COUNTER_BYTES = 8;

/** Images of one size and the same pixels, each with another digest: decoders stop at the end of the image. */
export class DistinctImages {
  private made = 0;

  constructor(
    private readonly image: Buffer,
    /** The content type. */
    readonly type: string,
  ) {}

  /** Bytes of each. */
  get bytes(): number {
    return this.image.length + COUNTER_BYTES;
  }

  next(): Buffer {
    const counter = Buffer.alloc(COUNTER_BYTES);
    counter.writeDoubleLE(++this.made);
    return Buffer.concat([this.image, counter]);
  }
}
