import type { Redis } from 'ioredis';
import { defineScripts, type RedisScript } from './keys.js';

/** Workers of one queue may have lock durations that differ by this factor. */
const DIFFERENCE = 10;
/** Longer than any delay of a job: retries, turns, downloads that wait. */
const MOST_DELAY_MS = 60_000;
/** BullMQ's scores of delayed jobs are milliseconds, with a counter in the lowest twelve bits. */
const SCORE_PER_MS = 4096;
const AT_ONCE = 1000;

/**
 * KEYS: stalled-check, active, delayed. ARGV: the prefix of the keys of jobs, the longest time to live, the longest delay.
 * Returns how many times were set right.
 */
const CORRECT = `
local corrected = 0
local function shorten(key)
  if redis.call('PTTL', key) <= tonumber(ARGV[2]) then return end
  redis.call('PEXPIRE', key, ARGV[2])
  corrected = corrected + 1
end
shorten(KEYS[1])
for _, id in ipairs(redis.call('LRANGE', KEYS[2], 0, ${AT_ONCE - 1})) do shorten(ARGV[1] .. id .. ':lock') end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local latest = (now + tonumber(ARGV[3])) * ${SCORE_PER_MS}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], latest, '+inf', 'LIMIT', 0, ${AT_ONCE})) do
  redis.call('ZADD', KEYS[3], now * ${SCORE_PER_MS}, id)
  corrected = corrected + 1
end
return corrected`;

/**
 * Sets times of a queue right that a clock has made nonsense of. A clock that was ahead, of Redis or of a worker, and has
 * been set back leaves locks, the mark of the last look for stalled jobs, and delays that end in an hour: until then the
 * jobs of dead workers stay active, and retries wait.
 */
export class QueueTimes {
  private readonly correct: RedisScript;

  /** `toKey` makes the keys of the queue. */
  constructor(
    redis: Redis,
    private readonly toKey: (name: string) => string,
    private readonly lockDurationMs: number,
  ) {
    this.correct = defineScripts(redis, { correctTimes: CORRECT }).correctTimes;
  }

  /** Returns how many times were wrong. */
  async check(): Promise<number> {
    const keys = ['stalled-check', 'active', 'delayed'].map((name) => this.toKey(name));
    return (await this.correct(keys, this.toKey(''), DIFFERENCE * this.lockDurationMs, MOST_DELAY_MS)) as number;
  }

  /** Checks once per lock duration; returns the function that stops it. `report` receives what was wrong. */
  watch(report: (count: number) => void): () => void {
    const look = () => {
      this.check().then(
        (count) => {
          if (count > 0) report(count);
        },
        // While Redis is away there is nothing to set right.
        () => undefined,
      );
    };
    const timer = setInterval(look, this.lockDurationMs);
    return () => clearInterval(timer);
  }
}
