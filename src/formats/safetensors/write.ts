/** Bytes per element of the types that Cairn writes. */
const DTYPE_BYTES = { F32: 4, F16: 2, U8: 1 } as const;
export type SafetensorsDtype = keyof typeof DTYPE_BYTES;

const ALIGNMENT = 8;

/** A tensor as the header of a safetensors file declares it. */
export interface TensorHead {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/**
 * The head of a safetensors file whose tensors follow each other in the given order: 8 bytes of length,
 * then the JSON, padded with spaces so that the data begins aligned. The format requires metadata to be
 * strings; other values are written as JSON.
 */
export function writeHead(metadata: Readonly<Record<string, unknown>>, tensors: readonly TensorHead[]): Buffer {
  const strings = Object.entries(metadata).map(([key, value]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const header: Record<string, unknown> = { __metadata__: Object.fromEntries(strings) };
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = offset + tensorBytes({ dtype, shape });
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const head = Buffer.alloc(8 + padded, ' ');
  head.writeBigUInt64LE(BigInt(padded));
  json.copy(head, 8);
  return head;
}

/** Bytes of a tensor's data. */
export function tensorBytes({ dtype, shape }: Omit<TensorHead, 'name'>): number {
  return shape.reduce((product, length) => product * length, DTYPE_BYTES[dtype]);
}
