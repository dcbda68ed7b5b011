import type { Redis } from 'ioredis';
import { announcementKeys, toFields, type Announcement, type AnnouncementKeys } from './announcement.js';
import { EXTRACT_QUEUE } from '../jobs/payload.js';
import { patientConnection } from '../redis/connections.js';
import { defineScript, type RedisScript } from '../redis/script.js';
import type { Outcome, OutcomeRecorder } from '../jobs/outcome.js';

export interface AnnouncerOptions {
  readonly redisUrl: string;
  readonly prefix: string;
  /** How many announcements are held; older ones are dropped. */
  readonly length: number;
}

/** What one announcement drops at most, so that a length that was made smaller does not stop Redis for a while. */
const DROP_AT_ONCE = 1000;

/**
 * The mark that a job has been announced is a field of the job itself, so it goes when the job goes. A job that the
 * queue no longer has gets none: nobody will run it again. What is dropped is remembered by its newest id, so that who
 * comes back later can be told whether anything was missed.
 */
const ANNOUNCE = `
local stream, trimmed, job = KEYS[1], KEYS[2], KEYS[3]
if redis.call('EXISTS', job) == 1 and redis.call('HSETNX', job, 'announced', '1') == 0 then return 0 end
redis.call('XADD', stream, '*', unpack(ARGV, 2))
local length = redis.call('XLEN', stream)
local excess = math.min(length - tonumber(ARGV[1]), ${DROP_AT_ONCE})
if excess > 0 then
  local dropped = redis.call('XRANGE', stream, '-', '+', 'COUNT', excess)
  redis.call('SET', trimmed, dropped[#dropped][1])
  redis.call('XTRIM', stream, 'MAXLEN', '=', length - excess)
end
return 1
`;

/** Announces the feature set of every job that completes, once, to whoever subscribes. */
export class Announcer implements OutcomeRecorder {
  private readonly closed = new AbortController();
  private readonly redis: Redis;
  private readonly keys: AnnouncementKeys;
  private readonly announce: RedisScript;

  constructor(private readonly options: AnnouncerOptions) {
    this.redis = patientConnection(options.redisUrl, this.closed.signal);
    this.keys = announcementKeys(options.prefix);
    this.announce = defineScript(this.redis, 'announce', ANNOUNCE);
  }

  /** Resolves when Redis has the announcement; waits for a Redis that is away. */
  async record(outcome: Outcome): Promise<void> {
    if (outcome.state !== 'completed') return;
    const { prefix, length } = this.options;
    const { stream, trimmed } = this.keys;
    const job = `${prefix}:${EXTRACT_QUEUE}:${outcome.jobId}`;
    await this.announce([stream, trimmed, job], length, ...toFields(announcementOf(outcome)));
  }

  /** May be called twice. */
  close(): Promise<void> {
    this.closed.abort();
    this.redis.disconnect();
    return Promise.resolve();
  }
}

function announcementOf({ jobId, payload, result }: Extract<Outcome, { state: 'completed' }>): Announcement {
  const { spec, batch } = payload;
  const made = Object.keys(result.timings).length > 0;
  return { ...spec, featuresId: result.featuresId, jobId, ...(batch && { batch }), made };
}
