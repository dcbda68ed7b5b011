import type { Redis } from 'ioredis';
import type { ErrorCode } from '../errors.js';
import { MAX_MESSAGE } from './manifest/schema.js';
import { CANCEL, CREATE, GIVE_UP, RECENT, RECORD } from './scripts.js';
import { batchSchema, newBatchSchema, type Batch, type NewBatch } from './batch.js';

/** What became of one line. */
export interface LineOutcome {
  readonly line: number;
  readonly name: string;
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly featuresId?: string;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

/** An outcome as it was recorded; `cursor` is its place in the order of completion. */
export interface BatchResult extends LineOutcome {
  readonly cursor: string;
}

/** How far a batch has been fed: everything before `offset` of its manifest, which is `lines` lines. */
export interface FeedCursor {
  readonly offset: number;
  readonly lines: number;
}

/** The cursor before all results. */
export const BEFORE_ALL = '0-0';

/** How long a finished batch can be looked at. */
const KEPT_SECONDS = 7 * 24 * 3600;
const RECENT_MS = 60_000;
/** Enough to tell a rate by, and little for Redis to walk through. */
const MAX_RECENT = 1000;

/**
 * The books of all batches, in Redis: per batch a hash (counts and references), a bit a line that tells whether its
 * outcome is recorded, and the outcomes as a stream. Pixels, tensors and manifests lie in the store.
 */
export class BatchLedger {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
  ) {}

  /** Opens the books of a batch; false when there is one of this id. */
  async create(batch: NewBatch): Promise<boolean> {
    const { id, manifest, total, rejected, createdAt } = batch;
    const fields = { id, state: 'running', manifest, total, rejected: JSON.stringify(rejected), createdAt };
    const key = this.keys(id)[0];
    return (await this.redis.eval(CREATE, 1, key, ...Object.entries(fields).flat())) === 1;
  }

  /** Undefined when there is no such batch. */
  async read(id: string): Promise<Batch | undefined> {
    if (!isBatchId(id)) return undefined;
    const fields = await this.redis.hgetall(this.keys(id)[0]);
    return fields['total'] === undefined ? undefined : batchSchema.parse(fields);
  }

  /** Records outcomes, each line's first one only. Answers how many were new. */
  async record(id: string, outcomes: readonly LineOutcome[]): Promise<number> {
    const now = new Date().toISOString();
    const values = outcomes.flatMap(({ line, name, state, featuresId = '', error }) => [
      ...[line, name, state, featuresId],
      ...[error?.code ?? '', error?.message.slice(0, MAX_MESSAGE) ?? ''],
    ]);
    return (await this.redis.eval(RECORD, 3, ...this.keys(id), now, KEPT_SECONDS, ...values)) as number;
  }

  /** Which of the lines have an outcome. */
  async recorded(id: string, lines: readonly number[]): Promise<boolean[]> {
    const pipeline = this.redis.pipeline();
    for (const line of lines) pipeline.getbit(this.keys(id)[1], line);
    const answers = (await pipeline.exec()) ?? [];
    return answers.map(([error, bit]) => {
      if (error) throw error;
      return bit === 1;
    });
  }

  /** Marks a running batch as cancelled; answers the state before, undefined when there is no such batch. */
  async cancel(id: string): Promise<Batch['state'] | undefined> {
    if (!isBatchId(id)) return undefined;
    const before = (await this.redis.eval(CANCEL, 1, this.keys(id)[0])) as Batch['state'] | null;
    return before ?? undefined;
  }

  /** Ends a batch that cannot go on: what has no outcome has failed. */
  async giveUp(id: string): Promise<void> {
    await this.redis.eval(GIVE_UP, 3, ...this.keys(id), new Date().toISOString(), KEPT_SECONDS);
  }

  /** Keeps how far the batch is fed; the first time also that it has begun. */
  async advance(id: string, { offset, lines }: FeedCursor): Promise<void> {
    const [key] = this.keys(id);
    await this.redis
      .multi()
      .hset(key, { cursor: JSON.stringify({ offset, lines }) })
      .hsetnx(key, 'startedAt', new Date().toISOString())
      .exec();
  }

  /** A place before which every line of the batch has its outcome, as `settle` has kept it. */
  async settled(id: string): Promise<FeedCursor> {
    const text = await this.redis.hget(this.keys(id)[0], 'settled');
    return text === null ? { offset: 0, lines: 0 } : (JSON.parse(text) as FeedCursor);
  }

  async settle(id: string, { offset, lines }: FeedCursor): Promise<void> {
    await this.redis.hset(this.keys(id)[0], { settled: JSON.stringify({ offset, lines }) });
  }

  /** Up to `count` outcomes after a cursor, in the order they came. */
  async results(id: string, after: string, count: number): Promise<BatchResult[]> {
    const entries = await this.redis.xrange(this.keys(id)[2], `(${after}`, '+', 'COUNT', count);
    return entries.map(([cursor, values]) => toResult(cursor, values));
  }

  /** Outcomes per second of late, and feature sets per second; zero when nothing came within a minute. */
  async rates(id: string): Promise<{ outcomes: number; completed: number }> {
    const answer = await this.redis.eval(RECENT, 1, this.keys(id)[2], RECENT_MS, MAX_RECENT);
    const [count, completed, spanMs] = answer as [number, number, number];
    if (count === 0) return { outcomes: 0, completed: 0 };
    // Those of the first moment say little; a second is the least that a rate is taken over.
    const seconds = Math.max(spanMs, 1000) / 1000;
    return { outcomes: count / seconds, completed: completed / seconds };
  }

  private keys(id: string): [batch: string, recorded: string, results: string] {
    const key = `${this.prefix}:batch:${id}`;
    return [key, `${key}:recorded`, `${key}:results`];
  }
}

/** What is no id must not lead to another key that begins like that of a batch. */
function isBatchId(text: string): boolean {
  return newBatchSchema.shape.id.safeParse(text).success;
}

function toResult(cursor: string, values: readonly string[]): BatchResult {
  const fields: Record<string, string> = {};
  for (let i = 0; i < values.length; i += 2) fields[values[i]!] = values[i + 1]!;
  const { line, name, state, features, code, message } = fields;
  return {
    cursor,
    line: Number(line),
    name: name!,
    state: state as LineOutcome['state'],
    ...(features && { featuresId: features }),
    ...(code && { error: { code: code as ErrorCode, message: message! } }),
  };
}
