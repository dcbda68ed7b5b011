/** Tensors by name, as a safetensors file holds them. */
export type Tensors = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly data: Float32Array | Float64Array | Uint16Array }>
>;

const DTYPES = { Float32Array: 'F32', Float64Array: 'F64', Uint16Array: 'F16' } as const;

/** A sound safetensors file; its header is not padded, as the format allows. */
export function safetensorsBytes(tensors: Tensors, metadata: Record<string, string> = { format: 'test' }): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const dtype = DTYPES[data[Symbol.toStringTag]];
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  return withHeader(JSON.stringify(header), Buffer.concat(parts));
}

/** `header` behind its length, then `data`: for files that are damaged on purpose. */
export function withHeader(header: string, data: Uint8Array = new Uint8Array(0), length?: bigint): Buffer {
  const text = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([prefix, text, data]);
}

export interface ParsedSafetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, { dtype: string; shape: number[]; offsets: [number, number]; data: Buffer }>;
  /** Bytes of the length and the header. */
  readonly headBytes: number;
}

/** Reads a safetensors file as its specification says. */
export function parseSafetensors(file: Buffer): ParsedSafetensors {
  const headBytes = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, headBytes).toString('utf8')) as Record<string, unknown>;
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => {
      const { dtype, shape, data_offsets } = value as {
        dtype: string;
        shape: number[];
        data_offsets: [number, number];
      };
      const data = file.subarray(headBytes + data_offsets[0], headBytes + data_offsets[1]);
      return [name, { dtype, shape, offsets: data_offsets, data }] as const;
    });
  return { metadata: header['__metadata__'] as Record<string, string>, tensors: new Map(tensors), headBytes };
}
