import { open, type FileHandle } from 'node:fs/promises';

/** Bytes with random access: a file, or an object of a store. */
export interface ByteSource {
  readonly size: number;
  /** Exactly `length` bytes from `start`. @throws Error when they are not there. */
  read(start: number, length: number): Promise<Buffer<ArrayBuffer>>;
}

export interface OpenFile extends ByteSource {
  close(): Promise<void>;
}

/** Opens a file for random access. The caller closes it. */
export async function openForReading(path: string): Promise<OpenFile> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  return { size, read: (start, length) => readExactly(file, start, length), close: () => file.close() };
}

/** The buffer begins at offset 0 of its own memory, so numbers of any type are aligned in it. */
export async function readExactly(file: FileHandle, start: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(buffer, 0, length, start);
  if (bytesRead < length) throw new Error(`it ends ${length - bytesRead} bytes early`);
  return buffer;
}
