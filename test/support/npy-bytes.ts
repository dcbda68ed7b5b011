export interface Npy {
  readonly descr?: string;
  readonly fortran?: boolean;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  readonly version?: number;
  /** Instead of what numpy would write. */
  readonly header?: string;
}

/** An npy file as numpy writes it. */
export function npyBytes({ descr = "'<f4'", fortran = false, shape, data, version = 1, header }: Npy): Buffer {
  const axes = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  const order = fortran ? 'True' : 'False';
  const text = header ?? `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${axes}, }`;
  const prefix = version === 1 ? 10 : 12;
  const padded = `${text}${' '.repeat(63 - ((prefix + text.length) % 64))}\n`;
  const head = Buffer.alloc(prefix);
  head.write('\x93NUMPY', 'latin1');
  head[6] = version;
  if (version === 1) head.writeUInt16LE(padded.length, 8);
  else head.writeUInt32LE(padded.length, 8);
  return Buffer.concat([head, Buffer.from(padded, 'latin1'), data]);
}
