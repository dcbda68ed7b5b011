import type { Redis } from 'ioredis';
import { defineScripts, type RedisKeys, type RedisScript } from '../redis/keys.js';
import type { ExtractQueue } from './extract-queue.js';
import type { Outcome, OutcomeRecorder } from './payload.js';

/** Longer than a job is kept. */
const KEPT_SECONDS = 8 * 24 * 3600;
/** A job that was claimed less than this ago may not be in the queue yet. */
const SETTLED_MS = 10_000;
const TIDY_EVERY_MS = 5000;
const LOOKUPS_AT_ONCE = 100;

/** KEYS: the jobs. ARGV: id, time, limit, seconds to live. Returns whether there was room. */
const CLAIM = `
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`;

/** The jobs of each owner that have not ended; only of owners with a limit, and without the lines of batches. */
export class OwnedJobs implements OutcomeRecorder {
  private readonly claimScript: RedisScript;
  private readonly tidied = new Map<string, number>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: RedisKeys['usage'],
    private readonly queue: Pick<ExtractQueue, 'getJobState'>,
  ) {
    this.claimScript = defineScripts(redis, { claimJob: CLAIM }).claimJob;
  }

  /** Counts a job that is about to be added; false where its owner has `most` already. */
  async claim(owner: string, jobId: string, most: number): Promise<boolean> {
    const claim = async () =>
      (await this.claimScript([this.keys.jobs(owner)], jobId, Date.now(), most, KEPT_SECONDS)) === 1;
    return (await claim()) || ((await this.tidy(owner)) && (await claim()));
  }

  async release(owner: string, jobId: string): Promise<void> {
    await this.redis.zrem(this.keys.jobs(owner), jobId);
  }

  /** A job has ended. */
  async record({ jobId, payload: { owner, batch } }: Outcome): Promise<void> {
    if (owner !== undefined && !batch) await this.release(owner, jobId);
  }

  /** Forgets jobs whose end nobody recorded; returns whether there were any. Now and then: it looks at each of them. */
  private async tidy(owner: string): Promise<boolean> {
    const now = Date.now();
    if (now - (this.tidied.get(owner) ?? 0) < TIDY_EVERY_MS) return false;
    this.tidied.set(owner, now);
    const key = this.keys.jobs(owner);
    const ids = await this.redis.zrangebyscore(key, '-inf', now - SETTLED_MS);
    const ended: string[] = [];
    for (let i = 0; i < ids.length; i += LOOKUPS_AT_ONCE) {
      const some = ids.slice(i, i + LOOKUPS_AT_ONCE);
      const states = await Promise.all(some.map((id) => this.queue.getJobState(id)));
      ended.push(...some.filter((_, j) => ENDED.has(states[j]!)));
    }
    if (ended.length > 0) await this.redis.zrem(key, ...ended);
    return ended.length > 0;
  }
}

const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'unknown']);
