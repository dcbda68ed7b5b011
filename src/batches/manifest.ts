import { z } from 'zod';
import { CairnError, ERRORS, type ErrorCode } from '../errors.js';
import type { Store, StoredObject } from '../features/store/store.js';
import { batchPayloadSchema, PRIORITY_NAMES } from '../jobs/payload.js';

/** The queue in which batches wait to be fed into the queue of jobs, and the name of its entries. */
export const BATCH_QUEUE = 'batches';
export const BATCH_JOB = 'feed';

/** Where manifests are kept in the store. */
export const BATCHES_PREFIX = 'batches';

/** The longest error message of a line, in characters: Redis keeps it. */
export const MAX_MESSAGE = 500;

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** One line of a stored manifest: the job to enqueue, or the error that the line was refused with. */
export const batchLineSchema = z.union([
  z.object({ payload: batchPayloadSchema, priority: z.enum(PRIORITY_NAMES) }),
  z.object({
    line: z.int().positive(),
    name: z.string(),
    error: z.object({ code: z.enum(codes), message: z.string() }),
  }),
]);
export type BatchLine = z.infer<typeof batchLineSchema>;

/** A line is about a kilobyte, so one read returns about a hundred. */
const BLOCK_BYTES = 128 << 10;
/** Longer than any line that the writer produces: a longer line means that the manifest is damaged. */
const MAX_LINE_BYTES = 1 << 20;
const NEWLINE = 10;

/** Successive lines, and where the next one begins. */
export interface ManifestBlock {
  readonly lines: readonly BatchLine[];
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

  /** Up to `count` lines from `offset`, where a line begins; none at the end. @throws CairnError `archive-corrupt` for a damaged one. */
  async read(offset: number, count: number): Promise<ManifestBlock> {
    const rest = this.size - offset;
    for (let length = BLOCK_BYTES; rest > 0; length *= 2) {
      const { lines, end } = this.parse(await this.object.read(offset, Math.min(length, rest)), offset, count);
      if (lines.length > 0) return { lines, end: offset + end };
      if (length >= Math.min(MAX_LINE_BYTES, rest)) {
        throw new CairnError('archive-corrupt', `The manifest is damaged at byte ${offset}.`);
      }
    }
    return { lines: [], end: offset };
  }

  /** May be called twice. */
  close(): Promise<void> {
    return this.object.close();
  }

  private parse(block: Buffer, offset: number, count: number): ManifestBlock {
    try {
      return parse(block, count);
    } catch (cause) {
      throw new CairnError('archive-corrupt', `A line of the manifest after byte ${offset} is damaged.`, { cause });
    }
  }
}

function parse(block: Buffer, count: number): ManifestBlock {
  const lines: BatchLine[] = [];
  let start = 0;
  for (let end = block.indexOf(NEWLINE); end !== -1 && lines.length < count; end = block.indexOf(NEWLINE, start)) {
    lines.push(batchLineSchema.parse(JSON.parse(block.toString('utf8', start, end))));
    start = end + 1;
  }
  return { lines, end: start };
}

/** The line's number and name, as submitted. */
export function identify(line: BatchLine): { line: number; name: string } {
  return 'payload' in line ? line.payload.batch : { line: line.line, name: line.name };
}
