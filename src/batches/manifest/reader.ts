import { CairnError } from '../../errors.js';
import type { Store, StoredObject } from '../../features/store/store.js';
import { batchLineSchema, type BatchLine } from './schema.js';

/** Lines are a kilobyte; one read brings a few hundred. */
const BLOCK_BYTES = 128 << 10;
/** A line is at most what was taken in, written anew; anything longer is no manifest of ours. */
const MAX_LINE_BYTES = 1 << 20;
const NEWLINE = 10;

export interface ManifestEntry {
  readonly line: BatchLine;
  /** Where the next line begins. */
  readonly end: number;
}

/** The manifest of a batch, open for reading at any of its lines. */
export class ManifestReader {
  private constructor(private readonly object: StoredObject) {}

  /** Undefined when the store does not have it. To be closed by the caller. */
  static async open(store: Store, key: string): Promise<ManifestReader | undefined> {
    const object = await store.open(key);
    return object && new ManifestReader(object);
  }

  /** In bytes. */
  get size(): number {
    return this.object.size;
  }

  /** Up to `count` lines from a byte at which one begins; none at the end. @throws CairnError `store-failed`. */
  async read(offset: number, count: number): Promise<ManifestEntry[]> {
    const rest = this.size - offset;
    for (let length = BLOCK_BYTES; rest > 0; length *= 2) {
      const entries = parse(await this.object.read(offset, Math.min(length, rest)), offset, count);
      if (entries.length > 0) return entries;
      if (length >= Math.min(MAX_LINE_BYTES, rest)) {
        throw new CairnError('store-failed', `The manifest is damaged at byte ${offset}.`);
      }
    }
    return [];
  }

  /** May be called twice. */
  close(): Promise<void> {
    return this.object.close();
  }
}

function parse(block: Buffer, offset: number, count: number): ManifestEntry[] {
  const entries: ManifestEntry[] = [];
  let start = 0;
  for (let end = block.indexOf(NEWLINE); end !== -1 && entries.length < count; end = block.indexOf(NEWLINE, start)) {
    const line = batchLineSchema.parse(JSON.parse(block.toString('utf8', start, end)));
    start = end + 1;
    entries.push({ line, end: offset + start });
  }
  return entries;
}

/** Which line of the submitter's it is, and what it is called. */
export function identify(line: BatchLine): { line: number; name: string } {
  return 'payload' in line ? line.payload.batch : { line: line.line, name: line.name };
}
