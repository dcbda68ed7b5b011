import { ByteReader } from './byte-reader.js';
import { RequestError } from './request-error.js';
import type { Quantization, Window } from './resources.js';
import { ELEMENT_BYTES, Tensor, type TensorDtype } from './tensor.js';

/** A header describes a few levels and their provenance. */
const MAX_HEADER_BYTES = 1 << 20;
const MAX_TENSORS = 1000;
/** An array of JavaScript cannot be much longer. */
const MAX_TENSOR_BYTES = 2 ** 32;
const LENGTH_BYTES = 8;
/** Fields of the metadata that are text, also where that could be read as JSON. */
const TEXTS: ReadonlySet<string> = new Set(
  'id model family architecture weights weightsDigest calibrationDigest engine device precision imageSha256'.split(' '),
);
const DTYPES: Readonly<Record<string, TensorDtype>> = { F32: 'float32', F16: 'float16', U8: 'uint8' };

/** How the levels of a response were made; see docs/http.md for all fields. */
export interface LevelsMetadata {
  /** Id of the feature set. */
  readonly id?: string;
  /** Entry of the catalogue. */
  readonly model?: string;
  /** Side of the canvas in pixels. */
  readonly size?: number;
  /** `[y0, x0, y1, x1]` of the image on the canvas. */
  readonly window?: Window;
  /** Canvas pixels per image pixel. */
  readonly scale?: number;
  /** `[height, width, 3]` of the image. */
  readonly originalShape?: readonly number[];
  /** Canvas pixels per cell of each level. */
  readonly strides?: Readonly<Record<string, number>>;
  /** Of levels in 8-bit integers. */
  readonly quantization?: Readonly<Record<string, Quantization>>;
  /** Of a part: `[row, column]` at which the cut of each level begins. */
  readonly origins?: Readonly<Record<string, readonly [number, number]>>;
  readonly [field: string]: unknown;
}

/** Levels that are in memory. */
export interface Levels {
  /** How they were made. */
  readonly metadata: LevelsMetadata;
  /** By name. */
  readonly tensors: Readonly<Record<string, Tensor>>;
}

interface TensorHead {
  readonly name: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** Levels that arrive: each is there as soon as its last byte is. Iterate over it once. */
export class LevelStream implements AsyncIterable<Tensor> {
  private constructor(
    /** How the levels were made. */
    readonly metadata: LevelsMetadata,
    private readonly heads: readonly TensorHead[],
    private readonly reader: ByteReader,
  ) {}

  /** Reads the header. @throws RequestError `server-failed` where it is none. */
  static async open(chunks: AsyncIterable<Uint8Array>): Promise<LevelStream> {
    const reader = new ByteReader(chunks);
    try {
      const length = Number(new DataView((await reader.read(LENGTH_BYTES)).buffer).getBigUint64(0, true));
      if (length > MAX_HEADER_BYTES) throw malformed(`a header of ${length} bytes`);
      const { metadata, heads } = parseHeader(new TextDecoder().decode(await reader.read(length)));
      return new LevelStream(metadata, heads, reader);
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  /** The levels, in the order in which they are sent. Leaving the loop early closes the connection. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Tensor, void, undefined> {
    try {
      for (const { name, dtype, shape, bytes } of this.heads) {
        const quantization = this.metadata.quantization?.[name];
        yield new Tensor(name, dtype, shape, await this.reader.read(bytes), quantization);
      }
      await this.reader.finish();
    } finally {
      await this.reader.close();
    }
  }

  /** All levels. */
  async all(): Promise<Levels> {
    const tensors: Record<string, Tensor> = {};
    for await (const tensor of this) tensors[tensor.name] = tensor;
    return { metadata: this.metadata, tensors };
  }

  /** Closes the connection without reading the rest; may be called twice. */
  close(): Promise<void> {
    return this.reader.close();
  }
}

function parseHeader(text: string): { metadata: LevelsMetadata; heads: TensorHead[] } {
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw malformed('a header that is not JSON', cause);
  }
  const { __metadata__: strings = {}, ...tensors } = header;
  const entries = Object.entries(tensors);
  if (entries.length > MAX_TENSORS) throw malformed(`${entries.length} tensors`);
  const placed = entries.map(([name, head]) => ({ name, ...(head as { data_offsets: [number, number] }) }));
  placed.sort((a, b) => a.data_offsets[0] - b.data_offsets[0]);
  let end = 0;
  const heads = placed.map((tensor) => {
    const head = headOf(tensor);
    if (tensor.data_offsets[0] !== end) throw malformed('tensors that do not follow each other');
    end += head.bytes;
    return head;
  });
  return { metadata: parseMetadata(strings as Record<string, string>), heads };
}

function headOf(
  tensor: Readonly<Record<string, unknown>> & { name: string; data_offsets: [number, number] },
): TensorHead {
  const { name, shape, data_offsets: offsets } = tensor;
  const dtype = DTYPES[String(tensor['dtype'])];
  if (!dtype) throw malformed(`the type ${String(tensor['dtype'])}`);
  if (!Array.isArray(shape) || !shape.every((length) => Number.isSafeInteger(length) && length >= 0)) {
    throw malformed(`a shape of ${JSON.stringify(shape)}`);
  }
  const bytes = (shape as number[]).reduce((product, length) => product * length, ELEMENT_BYTES[dtype]);
  if (!(bytes <= MAX_TENSOR_BYTES) || offsets[1] - offsets[0] !== bytes) throw malformed(`${bytes} bytes of ${name}`);
  return { name, dtype, shape: shape as number[], bytes };
}

/** The format requires strings; Cairn writes other values as JSON. */
function parseMetadata(strings: Readonly<Record<string, string>>): LevelsMetadata {
  return Object.fromEntries(
    Object.entries(strings).map(([key, text]) => [key, TEXTS.has(key) ? text : fromJson(text)]),
  );
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function malformed(what: string, cause?: unknown): RequestError {
  const message = `The server sends levels in an unknown form: ${what}.`;
  return new RequestError('server-failed', message, { transient: false }, { cause });
}
