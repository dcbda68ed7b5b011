import type { Redis } from 'ioredis';
import { defineScripts, type RedisKeys, type RedisScript } from '../redis/keys.js';
import { reachRedis } from '../redis/reach.js';

const DAY_SECONDS = 24 * 3600;

/**
 * KEYS: the count. ARGV: bytes, limit, whether they are counted beyond it too (1), seconds to live. Returns whether they are within
 * it, and the count.
 */
const TAKE = `
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local within = used + tonumber(ARGV[1]) <= tonumber(ARGV[2])
if within or ARGV[3] == '1' then
  used = redis.call('INCRBY', KEYS[1], ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
end
return {within and 1 or 0, used}`;

export interface DailyUse {
  /** Whether the bytes are within the limit of the day. */
  readonly within: boolean;
  readonly left: number;
  /** Seconds to the next day (UTC). */
  readonly resetSeconds: number;
}

/** Bytes of request bodies per owner and day, over all API processes. */
export class DailyBytes {
  private readonly take: RedisScript;

  constructor(
    private readonly redis: Redis,
    private readonly keys: RedisKeys['usage'],
    private readonly now: () => number = Date.now,
  ) {
    this.take = defineScripts(redis, { takeDailyBytes: TAKE }).takeDailyBytes;
  }

  /** Counts bytes that are announced, unless they are too many. @throws CairnError `queue-unavailable`. */
  reserve(owner: string, bytes: number, limit: number): Promise<DailyUse> {
    return this.count(owner, bytes, limit, false);
  }

  /** Counts bytes that have come. @throws CairnError `queue-unavailable`. */
  add(owner: string, bytes: number, limit: number): Promise<DailyUse> {
    return this.count(owner, bytes, limit, true);
  }

  private async count(owner: string, bytes: number, limit: number, always: boolean): Promise<DailyUse> {
    const time = new Date(this.now());
    const key = this.keys.bytes(owner, time.toISOString().slice(0, 10));
    const reply = await reachRedis(this.redis, () => this.take([key], bytes, limit, always ? 1 : 0, 2 * DAY_SECONDS));
    const [within, used] = reply as [number, number];
    const seconds = Math.floor(time.getTime() / 1000) % DAY_SECONDS;
    return { within: within === 1, left: Math.max(0, limit - used), resetSeconds: DAY_SECONDS - seconds };
  }
}
