import { open } from 'node:fs/promises';

export interface NamedArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Writes float32 arrays as a safetensors file. */
export async function writeSafetensors(path: string, arrays: Readonly<Record<string, NamedArray>>): Promise<void> {
  let end = 0;
  const heads = Object.entries(arrays).map(([name, { shape, values }]) => {
    const data_offsets = [end, (end += values.byteLength)];
    return [name, { dtype: 'F32', shape, data_offsets }];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(heads)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = await open(path, 'w');
  try {
    for (const part of [length, json, ...Object.values(arrays).map(bytesOf)]) await file.writeFile(part);
  } finally {
    await file.close();
  }
}

function bytesOf({ values }: NamedArray): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
