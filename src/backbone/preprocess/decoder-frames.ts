import type { ErrorCode } from '../../errors.js';
import type { Canvas } from './preprocess.js';

/** A message between a process and its decoder: a header, and bytes. On the wire each has its length before it. */
export interface Frame<Header> {
  readonly header: Header;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** The payload is the encoded image. */
export interface DecodeRequest {
  readonly size: number;
}

/** The payload is the pixels of the canvas; none with an error. */
export interface DecodeReply {
  readonly canvas?: Omit<Canvas, 'pixels'>;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** Resident memory of the decoder afterwards, in bytes. */
  readonly rss: number;
}

const MAX_HEADER_BYTES = 1 << 20;
const MAX_PAYLOAD_BYTES = 2 ** 30;
const LENGTHS_BYTES = 8;

/** A frame as chunks to write; the payload is not copied. */
export function frameOf(header: object, payload: Uint8Array): Uint8Array[] {
  const json = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(LENGTHS_BYTES);
  lengths.writeUInt32LE(json.byteLength, 0);
  lengths.writeUInt32LE(payload.byteLength, 4);
  return [Buffer.concat([lengths, json]), payload];
}

/** The frames that a stream brings, until it ends. @throws Error for a length beyond its limit, or a frame that is cut off. */
export async function* readFrames<Header>(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame<Header>> {
  const bytes = new ExactReader(source);
  for (;;) {
    const lengths = await bytes.take(LENGTHS_BYTES);
    if (!lengths) return;
    const view = new DataView(lengths.buffer);
    const header = await bytes.take(within(view.getUint32(0, true), MAX_HEADER_BYTES));
    const payload = await bytes.take(within(view.getUint32(4, true), MAX_PAYLOAD_BYTES));
    if (!header || !payload) throw new Error('The frame is cut off.');
    yield { header: JSON.parse(new TextDecoder().decode(header)) as Header, payload };
  }
}

function within(length: number, limit: number): number {
  if (length > limit) throw new Error(`The frame declares ${length} bytes; the limit is ${limit}.`);
  return length;
}

/** Takes exact numbers of bytes from a stream of chunks. */
class ExactReader {
  private readonly chunks: AsyncIterator<Uint8Array, unknown>;
  private rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.chunks = source[Symbol.asyncIterator]();
  }

  /** Undefined where the stream ends before. */
  async take(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const taken = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.rest.byteLength === 0) {
        const next = await this.chunks.next();
        if (next.done) return undefined;
        this.rest = next.value;
      }
      const part = this.rest.subarray(0, length - filled);
      taken.set(part, filled);
      filled += part.byteLength;
      this.rest = this.rest.subarray(part.byteLength);
    }
    return taken;
  }
}
