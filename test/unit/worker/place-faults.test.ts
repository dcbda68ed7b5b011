import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { CairnError, type ErrorCode } from '../../../src/errors.js';
import { StoreHealth } from '../../../src/features/store/store-health.js';
import { extractQueue, type ExtractQueue } from '../../../src/jobs/extract-queue.js';
import { EXTRACT_JOB, type JobPayload, type Outcome } from '../../../src/jobs/payload.js';
import type { ProcessJob } from '../../../src/worker/attempt.js';
import { JobWorker, type JobWorkerParts } from '../../../src/worker/job-worker.js';
import { until } from '../../integration/support/service.js';
import { payloadOf, SHA256 } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';

const current = useRedis();
let queue: ExtractQueue;
let outcomes: Outcome[];
let lines: string[];
let workers: JobWorker[];

beforeEach(() => {
  queue = extractQueue(current.redis, current.keys.prefix);
  [outcomes, lines, workers] = [[], [], []];
});
afterEach(async () => {
  await current.redis.config('SET', 'maxmemory', '0');
  await Promise.all(workers.map((worker) => worker.close()));
  await queue.close();
});

const result = { featuresId: SHA256, timings: { run: 1 } };

function work(process: ProcessJob, more: Partial<JobWorkerParts> = {}): JobWorker {
  const { redis, keys, connections } = current;
  const recorders = [{ record: (outcome: Outcome) => Promise.resolve(void outcomes.push(outcome)) }];
  const log = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(`WARN ${line}`) };
  const parts = { process, redis, subscriber: connections.patient(), keys, recorders, log, ...more };
  const worker = new JobWorker(parts, { name: 'w', concurrency: 4, lockDurationMs: 30_000, drainTimeoutMs: 5000 });
  workers.push(worker);
  worker.start();
  return worker;
}

const add = (jobId: string, payload: JobPayload = payloadOf()) =>
  queue.add(EXTRACT_JOB, payload, { jobId, attempts: 2 });
const completed = async (jobId: string) => (await queue.getJobState(jobId)) === 'completed';

test.each<ErrorCode>(['store-full', 'store-unavailable', 'weights-changed', 'calibration-changed'])(
  '%s is a fault of the place: the job is handed on, which is no attempt',
  async (code) => {
    let runs = 0;
    work(() => (++runs <= 3 ? Promise.reject(new CairnError(code, 'Here.')) : Promise.resolve(result)));
    await add('one');
    await until(() => completed('one'));
    expect([runs, (await queue.getJob('one'))!.attemptsMade, outcomes.map(({ state }) => state)]).toEqual([
      4,
      1,
      ['completed'],
    ]);
    expect(lines.filter((line) => line.includes('handed on'))).toEqual(['WARN jobs are handed on: Here.']);
  },
);

test('a job of another version is handed on, and the log says why', async () => {
  let runs = 0;
  work(() => Promise.resolve((runs++, result)));
  await add('new', { ...payloadOf(), format: 99 });
  await until(() => lines.some((line) => /handed on: The job has format 99, and this version knows 1/.test(line)));
  await until(async () => (await queue.getJobState('new')) === 'delayed');
  expect(runs).toBe(0);
});

test('other weights everywhere fail the job in the end', async () => {
  work(() => Promise.reject(new CairnError('weights-changed', 'Other weights.')));
  await add('one');
  await until(async () => (await queue.getJob('one')) !== undefined);
  await current.redis.hset(queue.toKey('one'), 'handedOn', 30);
  await until(async () => (await queue.getJobState('one')) === 'failed');
  expect(outcomes).toMatchObject([{ state: 'failed', error: { code: 'weights-changed' } }]);
});

describe('the store', () => {
  test('jobs are taken while it can be used, and the log says when they are not', async () => {
    let problem: CairnError | undefined = new CairnError('store-full', 'The store has no space left.');
    let runs = 0;
    const health = {
      problem: () => Promise.resolve(problem),
      demandStore: () => (problem ? Promise.reject(problem) : Promise.resolve()),
    };
    work(() => Promise.resolve((runs++, result)), { health });
    await add('one');
    await sleep(300);
    expect([runs, await queue.getJobState('one')]).toEqual([0, 'waiting']);
    problem = undefined;
    await until(() => completed('one'));
    problem = new CairnError('store-unavailable', 'Gone.');
    await until(() => lines.includes('WARN no jobs are taken until the store can be used again'));
    await add('two');
    await sleep(300);
    expect(runs).toBe(1);
    problem = undefined;
    await until(() => completed('two'));
  });

  test('a job of another store is handed on', async () => {
    let runs = 0;
    const store = { identify: () => Promise.resolve('here'), probe: () => Promise.resolve() };
    const health = new StoreHealth(store, { role: 'user', log: { log: () => undefined, warn: () => undefined } });
    work(() => Promise.resolve((runs++, result)), { health });
    await add('theirs', payloadOf({ store: 'there' }));
    await add('ours', payloadOf({ store: 'here' }));
    await add('old');
    await until(async () => (await completed('ours')) && (await completed('old')));
    await until(() => lines.some((line) => line.includes('of the store there')));
    expect([runs, await queue.getJobState('theirs')]).toEqual([2, 'delayed']);
  });
});

test('a Redis that is out of memory takes no attempt of a job, and is named in the log', async () => {
  let [runs, tries] = [0, 0];
  const recorders = [
    {
      record: async (outcome: Outcome) => {
        tries++;
        await current.redis.set(`${current.keys.prefix}:outcome`, 'x');
        outcomes.push(outcome);
      },
    },
  ];
  let finish: (() => void) | undefined;
  work(() => new Promise((resolve) => (runs++, (finish = () => resolve(result)))), { recorders });
  await add('one');
  await until(() => finish !== undefined);
  await current.redis.config('SET', 'maxmemory', '1');
  finish!();
  await until(() => tries >= 2);
  expect(outcomes).toEqual([]);
  await current.redis.config('SET', 'maxmemory', '0');
  await until(() => completed('one'));
  expect([runs, (await queue.getJob('one'))!.attemptsMade, outcomes.length]).toEqual([1, 1, 1]);
  expect(lines.join('\n')).toContain('out of memory');
});

describe('poison', () => {
  /** The mark of a worker that has died. */
  const died = (jobId: string, fields: object) =>
    current.redis.hset(
      queue.toKey(jobId),
      'begun',
      JSON.stringify({
        worker: 'gone@host:1',
        run: 'r',
        alone: false,
        deaths: 0,
        deathsAlone: 0,
        stage: 'run',
        rss: 2e9,
        ...fields,
      }),
    );

  test('a job whose worker died runs alone, and its neighbours wait for it', async () => {
    const events: string[] = [];
    await add('suspect');
    await died('suspect', {});
    for (const id of ['a', 'b']) await add(id, payloadOf({ weights: id }));
    work(async ({ weights }) => {
      events.push(`+${weights}`);
      await sleep(50);
      events.push(`-${weights}`);
      return result;
    });
    await until(async () => (await completed('suspect')) && (await completed('a')) && (await completed('b')));
    expect(events.indexOf('-seeded') - events.indexOf('+seeded')).toBe(1);
    expect(await current.redis.hget(queue.toKey('suspect'), 'begun')).toBeNull();
    for (const id of ['suspect', 'a', 'b']) expect((await queue.getJob(id))!.attemptsMade).toBe(1);
  });

  test('one that killed its workers alone is given up, with what is known of the last', async () => {
    let runs = 0;
    await add('poison');
    await died('poison', { alone: true, deaths: 2, deathsAlone: 1 });
    work(() => Promise.resolve((runs++, result)));
    await until(async () => (await queue.getJobState('poison')) === 'failed');
    expect(runs).toBe(0);
    const message = expect.stringMatching(/^3 workers died .*2 of them .*gone@host:1, in stage run, with 2000 MB/);
    expect(outcomes).toMatchObject([{ state: 'failed', error: { code: 'job-killed-worker', message } }]);
  });
});
