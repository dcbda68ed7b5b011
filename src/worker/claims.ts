import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { defineScripts, type RedisKeys, type RedisScripts } from '../redis/keys.js';

/** A worker that has died no longer holds what it claimed after this long. */
const LEASE_MS = 10_000;
const RENEW_EVERY_MS = 3000;
/** Longer than jobs wait for one another. */
const WAITING_MS = 24 * 3600_000;

const SCRIPTS = {
  /**
   * KEYS: claim, waiting jobs. ARGV: token, lease, job, how long the job may wait. A claim of the same job is that of a worker which
   * has died or lost it.
   */
  claimFeatures: `
local holder = redis.call('GET', KEYS[1])
if not holder or string.sub(holder, 1, #ARGV[3] + 1) == ARGV[3] .. '/' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 0`,
  /** KEYS: claim. ARGV: token, lease. */
  renewClaim: `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`,
  /** KEYS: claim, waiting jobs. ARGV: token. Returns the jobs that waited. */
  releaseClaim: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {} end
local waiting = redis.call('SMEMBERS', KEYS[2])
redis.call('DEL', KEYS[1], KEYS[2])
return waiting`,
};

/**
 * Sees to it that one feature set is computed once at a time, by whichever worker: the others that are asked for it wait in the
 * queue until it is in the store. Each asker keeps a job of its own, which can be cancelled.
 */
export class Claims {
  private readonly scripts: RedisScripts<keyof typeof SCRIPTS>;

  /** `promote` lets a job that is delayed in the queue be taken now. */
  constructor(
    redis: Redis,
    private readonly keys: RedisKeys,
    private readonly promote: (jobId: string) => Promise<unknown>,
  ) {
    this.scripts = defineScripts(redis, SCRIPTS);
  }

  /**
   * Claims a feature set for a job; undefined when another job is computing it; this one is notified when that job ends. The result ends
   * the claim. Where Redis does not do it, everybody may: work that is done twice is better than none.
   */
  async claim(featuresId: string, jobId: string): Promise<(() => Promise<void>) | undefined> {
    const token = `${jobId}/${randomUUID()}`;
    const { claim, waiting } = this.keys.computing(featuresId);
    const got = await this.scripts.claimFeatures([claim, waiting], token, LEASE_MS, jobId, WAITING_MS).catch(() => 1);
    if (got !== 1) return undefined;
    const renew = () => void this.scripts.renewClaim([claim], token, LEASE_MS).catch(() => undefined);
    const renewing = setInterval(renew, RENEW_EVERY_MS).unref();
    return async () => {
      clearInterval(renewing);
      const jobs = (await this.scripts.releaseClaim([claim, waiting], token).catch(() => [])) as string[];
      // One that is not delayed yet looks again by itself.
      for (const job of jobs) await this.promote(job).catch(() => undefined);
    };
  }
}
