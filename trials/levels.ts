/** Levels out of a safetensors file: names with the bytes of their values, in one text that can be compared. */
export interface ReadLevels {
  readonly names: string;
  readonly values: Buffer;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** @throws Error where the file is not whole. */
export function readLevels(file: Buffer): ReadLevels {
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, Entry>;
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  const end = Math.max(...entries.map(([, { data_offsets: offsets }]) => offsets[1]));
  if (file.length !== 8 + length + end) throw new Error(`${file.length} bytes, not ${8 + length + end}`);
  const names = entries.map(
    ([name, { dtype, shape, data_offsets: at }]) => `${name} ${dtype} ${shape.join('×')} ${at.join()}`,
  );
  return { names: names.sort().join(', '), values: file.subarray(8 + length) };
}

/** Where two sets differ, as a sentence; undefined where they do not. */
export function difference(found: ReadLevels, expected: ReadLevels): string | undefined {
  if (found.names !== expected.names) return `${found.names} instead of ${expected.names}`;
  if (found.values.equals(expected.values)) return undefined;
  const at = found.values.findIndex((byte, i) => byte !== expected.values[i]);
  let count = 0;
  for (let i = at; i < found.values.length; i++) if (found.values[i] !== expected.values[i]) count++;
  return `${count} of ${found.values.length} bytes differ, the first at ${at}`;
}
