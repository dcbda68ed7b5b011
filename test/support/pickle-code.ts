import type { ByteSource, OpenFile } from '../../src/files/byte-source.js';

/** Opcodes by hand, for pickles that no library writes. */
const int = (value: number) => {
  const bytes = Buffer.alloc(5, 'J');
  bytes.writeInt32LE(value, 1);
  return bytes;
};
const text = (value: string) => {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(5, 'X');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};
const global = (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`);
const tuple = (...items: Uint8Array[]) => Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')]);
const dict = (...pairs: (readonly [Uint8Array, Uint8Array])[]) =>
  Buffer.concat([Buffer.from('}('), ...pairs.flat(), Buffer.from('u')]);
const call = (what: Uint8Array, ...args: Uint8Array[]) => Buffer.concat([what, tuple(...args), Buffer.from('R')]);
const raw = (latin1: string) => Buffer.from(latin1, 'latin1');
const persistent = (id: Uint8Array) => Buffer.concat([id, raw('Q')]);

/** Values as the opcodes of protocol 2. */
export const code = { int, text, global, tuple, dict, call, raw, persistent, none: raw('N') };

/** A whole pickle of protocol 2. */
export function pickleOf(...parts: Uint8Array[]): Buffer {
  return Buffer.concat([raw('\x80\x02'), ...parts, raw('.')]);
}

/** Bytes in memory as a file that counts how often it was read, and closed. */
export class MemoryFile implements OpenFile {
  reads = 0;
  bytesRead = 0;
  closed = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }

  read: ByteSource['read'] = (start, length) => {
    this.reads++;
    this.bytesRead += length;
    if (start + length > this.size) return Promise.reject(new Error('it ends early'));
    const copy = Buffer.alloc(length);
    copy.set(this.bytes.subarray(start, start + length));
    return Promise.resolve(copy);
  };

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}
