import type { Redis } from 'ioredis';
import type { ExtractQueue } from '../jobs/extract-queue.js';
import type { Outcome, OutcomeRecorder } from '../jobs/payload.js';
import { defineScripts, type RedisKeys, type RedisScript } from '../redis/keys.js';
import { toFields, type Announcement } from './announcement.js';

export interface AnnouncerParts {
  /** A patient connection. */
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly queue: ExtractQueue;
  /** How many announcements are kept; older ones are trimmed. */
  readonly length: number;
}

/** Most entries that one announcement trims, so that lowering the length does not block Redis. */
const TRIM_AT_ONCE = 1000;

/** Renewed with each announcement of a batch; longer than a worker that lost its lock may run. */
const BITS_KEPT_SECONDS = 8 * 24 * 3600;

/**
 * KEYS: stream, trimmed, BullMQ's hash of the job, one bit per line of its batch. ARGV: length, line of the batch or 0,
 * seconds that the bits are kept, then the fields of the entry.
 *
 * The mark that a single job has been announced is a field of the job's own hash, so it is removed with the job. A job of a
 * batch leaves the queue at once, while a worker that has lost its lock may still run it: its mark is a bit of the batch.
 * The newest trimmed id is kept, so that a returning subscriber learns whether it missed anything.
 */
export const ANNOUNCE = `
local stream, trimmed, job = KEYS[1], KEYS[2], KEYS[3]
if ARGV[2] ~= '0' then
  if redis.call('SETBIT', KEYS[4], ARGV[2], 1) == 1 then return 0 end
  redis.call('EXPIRE', KEYS[4], ARGV[3])
elseif redis.call('EXISTS', job) == 1 and redis.call('HSETNX', job, 'announced', '1') == 0 then return 0 end
redis.call('XADD', stream, '*', unpack(ARGV, 4))
local length = redis.call('XLEN', stream)
local excess = math.min(length - tonumber(ARGV[1]), ${TRIM_AT_ONCE})
if excess > 0 then
  local dropped = redis.call('XRANGE', stream, '-', '+', 'COUNT', excess)
  redis.call('SET', trimmed, dropped[#dropped][1])
  redis.call('XTRIM', stream, 'MAXLEN', '=', length - excess)
end
return 1
`;

/** Announces the feature set of every completed job, once, to all subscribers. */
export class Announcer implements OutcomeRecorder {
  private readonly announce: RedisScript;

  constructor(private readonly parts: AnnouncerParts) {
    this.announce = defineScripts(parts.redis, { announce: ANNOUNCE }).announce;
  }

  /** Resolves when Redis has the announcement; waits while Redis is away. */
  async record(outcome: Outcome): Promise<void> {
    if (outcome.state !== 'completed') return;
    const { keys, queue, length } = this.parts;
    const { stream, trimmed } = keys.announcements;
    const { batch } = outcome.payload;
    const job = queue.toKey(outcome.jobId);
    // Without a batch the fourth key is not used; it is one of this slot all the same.
    const touched = [stream, trimmed, job, batch ? keys.batch(batch.id).announced : job];
    const line = batch?.line ?? 0;
    await this.announce(touched, length, line, BITS_KEPT_SECONDS, ...toFields(announcementOf(outcome)));
  }
}

function announcementOf({ jobId, payload, result }: Extract<Outcome, { state: 'completed' }>): Announcement {
  const { spec, batch, owner } = payload;
  const made = Object.keys(result.timings).length > 0;
  return {
    ...spec,
    featuresId: result.featuresId,
    jobId,
    ...(batch && { batch }),
    ...(owner !== undefined && { owner }),
    made,
  };
}
