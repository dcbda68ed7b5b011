import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { CairnError } from '../errors.js';
import type { JobStage } from '../jobs/payload.js';
import { defineScripts, type RedisScript } from '../redis/keys.js';

/**
 * Deaths with no other job beside it after which a job is given up. The first may be a coincidence: a kill from outside, a
 * power cut.
 */
export const MAX_DEATHS_ALONE = 2;

/** What a worker writes down when it begins a job, and takes back when the job has ended, however it did. */
const begunSchema = z.object({
  worker: z.string(),
  /** Of the process: one that finds its own mark has not died. */
  run: z.string(),
  alone: z.boolean(),
  /** Workers that died before. */
  deaths: z.int(),
  deathsAlone: z.int(),
  /** The engine hung in this job, which its worker survived. */
  hung: z.boolean().optional(),
  stage: z.string().optional(),
  /** Resident memory of the process when the stage began, in bytes. */
  rss: z.number().optional(),
});
type Begun = z.infer<typeof begunSchema>;

/** Workers that died while a job ran, or whose engine hung in it. */
export interface Past {
  readonly deaths: number;
  readonly deathsAlone: number;
  /** The last of them. */
  readonly last?: Begun;
}

/** The mark is a field of BullMQ's hash of the job and goes with it; a job that is gone gets none. */
const FIELD = 'begun';
const BEGIN = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], '${FIELD}', ARGV[1])
return 1`;

/**
 * Knows which jobs run when their worker dies. A lock that has expired is no sign of that by itself: the mark of a job that
 * has begun, and has not ended, is.
 */
export class Casualties {
  private readonly run = randomUUID();
  private readonly begin: RedisScript;

  constructor(
    private readonly redis: Redis,
    private readonly worker: string,
    private readonly toKey: (jobId: string) => string,
  ) {
    this.begin = defineScripts(redis, { beginJob: BEGIN }).beginJob;
  }

  async past(jobId: string): Promise<Past> {
    const text = await this.redis.hget(this.toKey(jobId), FIELD);
    const parsed = text === null ? undefined : begunSchema.safeParse(JSON.parse(text)).data;
    if (!parsed) return { deaths: 0, deathsAlone: 0 };
    const died = parsed.run !== this.run;
    const deaths = parsed.deaths + (died ? 1 : 0);
    const deathsAlone = parsed.deathsAlone + (died && parsed.alone ? 1 : 0);
    return { deaths, deathsAlone, last: parsed };
  }

  /** Marks a job as begun, or a stage of it. */
  async mark(jobId: string, { deaths, deathsAlone }: Past, stage?: JobStage): Promise<void> {
    const { worker, run } = this;
    const begun: Begun = { worker, run, alone: deaths > 0, deaths, deathsAlone, ...(stage && { stage }) };
    const rss = process.memoryUsage.rss();
    await this.begin([this.toKey(jobId)], JSON.stringify({ ...begun, rss }));
  }

  /** Marks a job in which the engine hung: that counts as the death of its worker. */
  async markHung(jobId: string, { deaths, deathsAlone }: Past): Promise<void> {
    const { worker } = this;
    const begun: Begun = { worker, run: randomUUID(), alone: deaths > 0, deaths, deathsAlone, hung: true };
    await this.begin([this.toKey(jobId)], JSON.stringify(begun));
  }

  async clear(jobId: string): Promise<void> {
    await this.redis.hdel(this.toKey(jobId), FIELD);
  }
}

/** Why a job is given up, with what is known of its last worker. */
export function givenUp({ deaths, deathsAlone, last }: Past): CairnError {
  const { worker = 'unknown', stage, rss, hung } = last ?? {};
  if (hung) {
    const message = `The engine hung, or its worker died, ${deaths} times in this job, ${deathsAlone} of them with no other job beside it; the last worker was ${worker}.`;
    return new CairnError('engine-hung', message);
  }
  const known = [
    `the last one was ${worker}`,
    ...(stage === undefined ? [] : [`in stage ${stage}`]),
    ...(rss === undefined ? [] : [`with ${Math.round(rss / 1e6)} MB resident when that began`]),
  ];
  const message = `${deaths} workers died while they ran this job, ${deathsAlone} of them with no other job beside it; ${known.join(', ')}.`;
  return new CairnError('job-killed-worker', message);
}
