import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeHead, withHead } from '../../../files/head.js';
import { storeError } from '../store-errors.js';
import type { Chunks } from '../store.js';

/** Bytes whose digest, by which they will be named, is known only when all of them have come. */
export interface Spooled {
  readonly sha256: string;
  readonly size: number;
  /** May be called once. */
  bytes(): Chunks;
  remove(): Promise<void>;
}

/** Holds what is to be uploaded: up to `memoryBytes` in memory, more in a temporary file. The caller removes it. */
export async function spool(source: AsyncIterator<Uint8Array>, memoryBytes: number): Promise<Spooled> {
  const { head, whole } = await takeHead(source, memoryBytes);
  const hash = createHash('sha256');
  if (whole) {
    const sha256 = hash.update(head).digest('hex');
    const bytes = async function* () {
      yield await Promise.resolve(head);
    };
    return { sha256, size: head.byteLength, bytes, remove: () => Promise.resolve() };
  }
  const path = join(tmpdir(), `cairn-upload-${process.pid}-${randomUUID()}`);
  const remove = () => rm(path, { force: true });
  try {
    let size = 0;
    const file = await open(path, 'wx', 0o600).catch(ofTheDisk);
    try {
      for await (const chunk of withHead(head, source)) {
        hash.update(chunk);
        size += chunk.byteLength;
        await file.appendFile(chunk).catch(ofTheDisk);
      }
    } finally {
      await file.close();
    }
    return { sha256: hash.digest('hex'), size, bytes: () => createReadStream(path) as Chunks, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The disk for temporary files is a part of the store: while it is full, nothing can be taken. */
function ofTheDisk(error: unknown): never {
  throw storeError(error);
}
