/** Bytes of an element, of the types that Cairn sends. */
const BYTES = { F32: 4, F16: 2, U8: 1 } as const;
const MAX_HEADER_BYTES = 1 << 20;

export interface StreamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

interface TensorHead {
  readonly dtype: keyof typeof BYTES;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/**
 * Opens a safetensors stream: 8 bytes of length, that many bytes of JSON, then the tensors' data. `tensors` yields each
 * as float32 as soon as its last byte has arrived; with `order=coarse-first` that is the smallest level first. Integers are
 * not scaled: levels that are stored in uint8 need `as=float32` in the request.
 */
export async function openSafetensors(stream: AsyncIterable<Uint8Array>) {
  const source = new ExactReader(stream);
  const length = Number(new DataView((await source.read(8)).buffer).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) throw new Error(`a header of ${length} bytes is no header`);
  const { __metadata__: metadata, ...heads } = JSON.parse(
    new TextDecoder().decode(await source.read(length)),
  ) as Record<string, TensorHead> & { __metadata__: Record<string, string> };
  return { metadata, tensors: readTensors(source, heads) };
}

async function* readTensors(source: ExactReader, heads: Record<string, TensorHead>): AsyncGenerator<StreamedTensor> {
  const inOrder = Object.entries(heads).sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  for (const [name, { dtype, shape }] of inOrder) {
    const count = shape.reduce((product, side) => product * side, 1);
    const { buffer } = await source.read(count * BYTES[dtype]);
    yield { name, shape, values: toFloat32(buffer, dtype) };
  }
}

function toFloat32(buffer: ArrayBuffer, dtype: keyof typeof BYTES): Float32Array {
  if (dtype === 'F32') return new Float32Array(buffer);
  if (dtype === 'U8') return Float32Array.from(new Uint8Array(buffer));
  return Float32Array.from(new Uint16Array(buffer), halfToFloat);
}

/** IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction. Cairn's levels are finite. */
function halfToFloat(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

/** Reads a given number of bytes from chunks of any size. */
class ExactReader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private rest = new Uint8Array();

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  /** Bytes in a buffer of their own. */
  async read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.rest.length === 0) {
        const next = await this.chunks.next();
        if (next.done) throw new Error('the stream ended early');
        this.rest = next.value as Uint8Array<ArrayBuffer>;
      }
      const piece = this.rest.subarray(0, length - filled);
      bytes.set(piece, filled);
      filled += piece.length;
      this.rest = this.rest.subarray(piece.length);
    }
    return bytes;
  }
}
