import type { ByteSource } from '../../files/byte-source.js';

const BLOCK_BYTES = 64 << 10;
/** Module and class names in text form. */
const MAX_LINE_BYTES = 256;

/**
 * The bytes of a pickle, read in blocks from the front. Numbers and short texts come from a window in memory, which
 * `ensure` fills; long ones are skipped, and their place is noted.
 */
export class PickleBytes {
  private window: Buffer = Buffer.alloc(0);
  private at = 0;

  /** `start`: offset of the window in `source`. */
  constructor(
    private readonly source: ByteSource,
    private start = 0,
  ) {}

  /** Of the next byte. */
  get offset(): number {
    return this.start + this.at;
  }

  /** Makes `length` bytes available, or all that are left where these are fewer; waits only where some are missing. */
  ensure(length: number): Promise<void> | undefined {
    return this.window.length - this.at >= length ? undefined : this.fill(length);
  }

  u8(): number {
    return this.window.readUInt8(this.advance(1));
  }

  u16(): number {
    return this.window.readUInt16LE(this.advance(2));
  }

  u32(): number {
    return this.window.readUInt32LE(this.advance(4));
  }

  i32(): number {
    return this.window.readInt32LE(this.advance(4));
  }

  f64(): number {
    return this.window.readDoubleBE(this.advance(8));
  }

  /** A length: one beyond 2⁵³ lies outside every file. */
  u64(): number {
    return Number(this.window.readBigUInt64LE(this.advance(8)));
  }

  i64(): number {
    return Number(this.window.readBigInt64LE(this.advance(8)));
  }

  /** A copy of `length` bytes, which `ensure` has made available. */
  take(length: number): Buffer {
    const at = this.advance(length);
    return Buffer.from(this.window.subarray(at, at + length));
  }

  /** Moves on without reading. @throws Error when there are not as many. */
  skip(length: number): void {
    if (this.offset + length > this.source.size) throw endsEarly();
    const left = this.window.length - this.at;
    if (length <= left) {
      this.at += length;
      return;
    }
    this.start = this.offset + length;
    this.window = Buffer.alloc(0);
    this.at = 0;
  }

  /** The text up to the next line feed. */
  async line(): Promise<string> {
    await this.ensure(MAX_LINE_BYTES + 1);
    const end = this.window.indexOf(0x0a, this.at);
    if (end < 0 && this.window.length - this.at <= MAX_LINE_BYTES) throw endsEarly();
    if (end < 0 || end - this.at > MAX_LINE_BYTES) throw new Error(`a name has more than ${MAX_LINE_BYTES} bytes`);
    const text = this.window.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }

  private async fill(length: number): Promise<void> {
    const offset = this.offset;
    const available = Math.min(Math.max(length, BLOCK_BYTES), this.source.size - offset);
    this.window = await this.source.read(offset, available);
    this.start = offset;
    this.at = 0;
  }

  private advance(length: number): number {
    const at = this.at;
    if (at + length > this.window.length) throw endsEarly();
    this.at += length;
    return at;
  }
}

function endsEarly(): Error {
  return new Error('its pickle ends early');
}
