import { CairnError, type ErrorCode } from '../errors.js';

/** Anything may unpack to this size; beyond it the ratio is limited: a few small images may have a large empty area each. */
const SMALL_BYTES = 64 << 20;
/** Text is never that dense. */
const SMALL_TEXT_BYTES = 1 << 20;

/** How far a compressed body may unpack: to `maxRatio` times its size, once it is no longer small, and to `maxBytes` at most. */
export class UnpackLimit {
  private smallBytes = SMALL_BYTES;

  /** `code` is that of a body that unpacks to more. */
  constructor(
    private readonly maxRatio: number,
    private readonly code: ErrorCode = 'batch-too-large',
    private readonly maxBytes = Infinity,
  ) {}

  /** The body has turned out to be text. */
  isText(): void {
    this.smallBytes = SMALL_TEXT_BYTES;
  }

  /** @throws CairnError when the packed size cannot plausibly unpack to `size`. */
  check(size: number, packed: number): void {
    if (size > this.maxBytes) throw new CairnError(this.code, `The body unpacks to more than ${this.maxBytes} bytes.`);
    if (size <= this.smallBytes || size <= packed * this.maxRatio) return;
    throw new CairnError(this.code, `The body unpacks to more than ${this.maxRatio} times its size.`);
  }
}
