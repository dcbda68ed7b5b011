import type { Redis } from 'ioredis';
import type { ErrorCode } from '../errors.js';
import { MAX_MESSAGE } from './manifest.js';
import { defineScripts, type RedisKeys, type RedisScripts } from '../redis/keys.js';
import type { Outcome, OutcomeRecorder } from '../jobs/payload.js';
import * as SCRIPTS from './scripts.js';
import { batchSchema, newBatchSchema, type Batch, type FeedCursor, type NewBatch } from './batch.js';

/** The outcome of one line. */
export interface LineOutcome {
  readonly line: number;
  readonly name: string;
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly featuresId?: string;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

/** A recorded outcome; `cursor` is its place in the order of completion. */
export interface BatchResult extends LineOutcome {
  readonly cursor: string;
}

/** The cursor before all results. */
export const BEFORE_ALL = '0-0';

/** How long a finished batch is kept. */
const KEPT_SECONDS = 7 * 24 * 3600;
const RECENT_MS = 60_000;
/** Enough for a rate, and few for Redis to scan. */
const MAX_RECENT = 1000;

/**
 * The records of all batches, in Redis: per batch a hash (counts and references), one bit per line that says whether its
 * outcome is recorded, and a stream of the outcomes. Pixels, tensors and manifests lie in the store.
 */
export class BatchLedger implements OutcomeRecorder {
  private readonly scripts: RedisScripts<keyof typeof SCRIPTS>;

  constructor(
    private readonly redis: Redis,
    private readonly keys: RedisKeys,
  ) {
    this.scripts = defineScripts(redis, SCRIPTS);
  }

  /** Creates the record of a batch; false when there is one of this id. */
  async create(batch: NewBatch): Promise<boolean> {
    const { id, manifest, total, rejected, createdAt, owner, fingerprint } = batch;
    const fields = {
      ...{ id, state: 'running', manifest, total, rejected: JSON.stringify(rejected), createdAt },
      ...(owner !== undefined && { owner }),
      ...(fingerprint !== undefined && { fingerprint }),
    };
    return (await this.scripts.createBatch([this.hash(id)], ...Object.entries(fields).flat())) === 1;
  }

  /** Undefined when there is no such batch. */
  async read(id: string): Promise<Batch | undefined> {
    if (!isBatchId(id)) return undefined;
    const fields = await this.redis.hgetall(this.hash(id));
    return fields['total'] === undefined ? undefined : batchSchema.parse(fields);
  }

  /** Records the outcome of a job that belongs to a batch; ignores other jobs. */
  async record(outcome: Outcome): Promise<void> {
    const { batch } = outcome.payload;
    if (!batch) return;
    const { line, name } = batch;
    const { state } = outcome;
    const details = state === 'completed' ? { featuresId: outcome.result.featuresId } : { error: outcome.error };
    await this.recordLines(batch.id, [{ line, name, state, ...details }]);
  }

  /** Records outcomes, the first one of each line only. Returns how many were new. */
  async recordLines(id: string, outcomes: readonly LineOutcome[]): Promise<number> {
    if (outcomes.length === 0) return 0;
    const now = new Date().toISOString();
    const values = outcomes.flatMap(({ line, name, state, featuresId = '', error }) => [
      ...[line, name, state, featuresId],
      ...[error?.code ?? '', error?.message.slice(0, MAX_MESSAGE) ?? ''],
    ]);
    return (await this.scripts.recordOutcomes(this.allKeys(id), now, KEPT_SECONDS, ...values)) as number;
  }

  /** Which of the lines have an outcome. */
  async recorded(id: string, lines: readonly number[]): Promise<boolean[]> {
    const pipeline = this.redis.pipeline();
    const { recorded } = this.keys.batch(id);
    for (const line of lines) pipeline.getbit(recorded, line);
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([error, bit]) => {
      if (error) throw error;
      return bit === 1;
    });
  }

  /** Marks a running batch as cancelled; returns the state before, undefined when there is no such batch. */
  async cancel(id: string): Promise<Batch['state'] | undefined> {
    if (!isBatchId(id)) return undefined;
    const before = (await this.scripts.cancelBatch([this.hash(id)])) as Batch['state'] | null;
    return before ?? undefined;
  }

  /** Ends a batch that cannot continue: lines without an outcome count as failed. */
  async fail(id: string): Promise<void> {
    await this.scripts.failBatch(this.allKeys(id), new Date().toISOString(), KEPT_SECONDS);
  }

  /** Stores how far the batch is fed; the first time also that it has started. */
  async advance(id: string, { offset, lines }: FeedCursor): Promise<void> {
    const key = this.hash(id);
    await this.redis
      .multi()
      .hset(key, { cursor: JSON.stringify({ offset, lines }) })
      .hsetnx(key, 'startedAt', new Date().toISOString())
      .exec();
  }

  /** Stores a place before which every line of the batch has its outcome. */
  async settle(id: string, { offset, lines }: FeedCursor): Promise<void> {
    await this.redis.hset(this.hash(id), { settled: JSON.stringify({ offset, lines }) });
  }

  /** Up to `count` outcomes after a cursor, in order of completion. */
  async results(id: string, after: string, count: number): Promise<BatchResult[]> {
    const entries = await this.redis.xrange(this.keys.batch(id).results, `(${after}`, '+', 'COUNT', count);
    return entries.map(([cursor, values]) => toResult(cursor, values));
  }

  /** Recent outcomes per second, and feature sets per second; zero when there were none within a minute. */
  async rates(id: string): Promise<{ outcomes: number; completed: number }> {
    const reply = await this.scripts.recentOutcomes([this.keys.batch(id).results], RECENT_MS, MAX_RECENT);
    const [count, completed, spanMs] = reply as [number, number, number];
    if (count === 0) return { outcomes: 0, completed: 0 };
    // Average over at least one second.
    const seconds = Math.max(spanMs, 1000) / 1000;
    return { outcomes: count / seconds, completed: completed / seconds };
  }

  private hash(id: string): string {
    return this.keys.batch(id).hash;
  }

  /** In the order that the scripts take them in. */
  private allKeys(id: string): readonly string[] {
    const { hash, recorded, results } = this.keys.batch(id);
    return [hash, recorded, results];
  }
}

/** Rejects anything but an id, so that it cannot address another key. */
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
