import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CairnError } from '../../../src/errors.js';
import { extractQueue, requestCancellation, type ExtractQueue } from '../../../src/jobs/extract-queue.js';
import { EXTRACT_JOB, type Outcome } from '../../../src/jobs/payload.js';
import type { ProcessJob } from '../../../src/worker/attempt.js';
import { JobWorker, type JobWorkerOptions } from '../../../src/worker/job-worker.js';
import { Postponed } from '../../../src/worker/postponed.js';
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
  await Promise.all(workers.map((worker) => worker.close()));
  await queue.close();
});

function work(process: ProcessJob, options: Partial<JobWorkerOptions> = {}) {
  const record = (outcome: Outcome) => Promise.resolve(void outcomes.push(outcome));
  const log = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(`WARN ${line}`) };
  const { redis, keys, connections } = current;
  const worker = new JobWorker(
    { process, redis, subscriber: connections.patient(), keys, recorders: [{ record }], log },
    { name: 'w', concurrency: 4, lockDurationMs: 30_000, drainTimeoutMs: 5000, ...options },
  );
  workers.push(worker);
  worker.start();
  return worker;
}

const add = (jobId: string, attempts = 1) =>
  queue.add(EXTRACT_JOB, payloadOf(), { jobId, attempts, backoff: { type: 'fixed', delay: 10 } });
const state = (jobId: string) => queue.getJobState(jobId);
const result = { featuresId: SHA256, timings: { run: 1 } };
/** Runs until it is aborted. */
const endless: ProcessJob = (_, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));

test('an outcome is recorded before the queue is told, and a line of the log says what was made', async () => {
  let during: string | undefined;
  const stages: unknown[] = [];
  work(async (payload, _, onStage) => {
    onStage('run');
    stages.push(payload.spec.model);
    during = await state('one');
    return result;
  });
  await add('one');
  await until(() => lines.length > 0);
  expect([during, await state('one'), stages]).toEqual(['active', 'completed', ['mask-rcnn-resnet18']]);
  expect(outcomes).toEqual([{ jobId: 'one', payload: payloadOf(), state: 'completed', result }]);
  expect(lines).toEqual([expect.stringMatching(/^job one completed: mask-rcnn-resnet18 in \d+ ms$/)]);
  expect((await queue.getJob('one'))!.progress).toMatchObject({ stage: 'run' });
});

test('a transient failure is tried again, told with its number, and recorded only when it is the last', async () => {
  work(() => Promise.reject(new CairnError('store-failed', 'No space.')));
  await add('one', 3);
  await until(async () => (await state('one')) === 'failed');
  await until(() => lines.length === 3);
  expect(lines).toEqual([
    'WARN job one: attempt 1 of 3 failed: store-failed: No space.',
    'WARN job one: attempt 2 of 3 failed: store-failed: No space.',
    'WARN job one failed: store-failed: No space.',
  ]);
  expect(outcomes).toMatchObject([{ state: 'failed', error: { code: 'store-failed', message: 'No space.' } }]);
});

test('a failure that would come again is not tried again', async () => {
  let runs = 0;
  work(() => {
    runs++;
    return Promise.reject(new CairnError('image-corrupt', 'Broken.'));
  });
  await add('one', 5);
  await until(async () => (await state('one')) === 'failed');
  await until(() => lines.length > 0);
  expect([runs, lines]).toEqual([1, ['WARN job one failed: image-corrupt: Broken.']]);
});

test('a job that runs is cancelled by a message, and so are all jobs of a batch, without a line for each', async () => {
  work(endless);
  const batch = 'd'.repeat(32);
  for (const id of ['one', 'other', `${batch}.1`, `${batch}.2`]) await add(id);
  await until(async () => (await queue.getActiveCount()) === 4);
  await requestCancellation(current.redis, current.keys, 'one');
  await until(async () => (await state('one')) === 'failed');
  await requestCancellation(current.redis, current.keys, batch);
  await until(() => outcomes.length === 3);
  expect(outcomes.map(({ jobId, state }) => [jobId, state]).toSorted()).toEqual([
    [`${batch}.1`, 'cancelled'],
    [`${batch}.2`, 'cancelled'],
    ['one', 'cancelled'],
  ]);
  expect([await state('other'), lines]).toEqual(['active', ['job one cancelled']]);
  await requestCancellation(current.redis, current.keys, 'other');
});

test('a job that was cancelled before it was taken does not run', async () => {
  await add('one');
  await requestCancellation(current.redis, current.keys, 'one');
  let runs = 0;
  work(() => {
    runs++;
    return Promise.resolve(result);
  });
  await until(async () => (await state('one')) === 'failed');
  expect([runs, outcomes.map(({ state }) => state)]).toEqual([0, ['cancelled']]);
});

test('closing waits for the job that runs, and takes no other', async () => {
  let finish: (() => void) | undefined;
  const worker = work(() => new Promise((resolve) => (finish = () => resolve(result))), { concurrency: 1 });
  await add('one');
  await until(() => finish !== undefined);
  await add('other');
  const closing = worker.close();
  finish!();
  await closing;
  await worker.close();
  expect([await state('one'), await state('other')]).toEqual(['completed', 'waiting']);
});

test('closing does not wait longer than it may: the job is left to others', async () => {
  let finish: (() => void) | undefined;
  const worker = work(() => new Promise((resolve) => (finish = () => resolve(result))), { drainTimeoutMs: 100 });
  await add('one');
  await until(() => finish !== undefined);
  await worker.close();
  expect(lines).toContain('WARN drain timeout; running jobs are left to other workers');
  expect([await state('one'), outcomes]).toEqual(['active', []]);
  // BullMQ renews its lock until it ends, which would keep Jest from exiting.
  finish!();
  await until(async () => (await state('one')) === 'completed');
});

test('a postponed job leaves its place to others and is no attempt the worse', async () => {
  const seen: string[] = [];
  let starts = 0;
  work(
    (payload) => {
      seen.push(payload.weights);
      if (payload.weights !== 'url' || ++starts > 2) return Promise.resolve(result);
      return Promise.reject(new Postponed());
    },
    { concurrency: 1 },
  );
  await queue.add(EXTRACT_JOB, { ...payloadOf(), weights: 'url' }, { jobId: 'url', attempts: 1 });
  await add('other');
  await until(async () => (await state('url')) === 'completed');
  expect(seen).toEqual(['url', 'seeded', 'url', 'url']);
  expect(outcomes.map(({ jobId, state: end }) => [jobId, end])).toEqual([
    ['other', 'completed'],
    ['url', 'completed'],
  ]);
  expect((await queue.getJob('url'))!.attemptsMade).toBe(1);
  expect(lines.filter((line) => line.startsWith('WARN'))).toEqual([]);
});

test('an error that nobody foresaw is told to the log, not to the submitter', async () => {
  work(() =>
    Promise.reject(new TypeError("Cannot read properties of undefined (reading 'x') in /srv/cairn/secret.js")),
  );
  await add('one');
  await until(async () => (await state('one')) === 'failed');
  await until(() => lines.length === 1);
  expect(lines).toEqual([expect.stringContaining('/srv/cairn/secret.js')]);
  const message = 'An unforeseen error; the log has the details.';
  expect(outcomes).toMatchObject([{ state: 'failed', error: { code: 'internal', message } }]);
  expect((await queue.getJob('one'))!.failedReason).toBe(`internal: ${message}`);
});

test('a job that does not end in time fails, and its place is free', async () => {
  const aborted: string[] = [];
  work(
    (payload, signal, onStage) => {
      if (payload.weights !== 'stuck') return Promise.resolve(result);
      onStage('pack');
      signal.addEventListener('abort', () => aborted.push(payload.weights));
      return new Promise(() => undefined);
    },
    { concurrency: 1, jobTimeoutMs: 300 },
  );
  await queue.add(EXTRACT_JOB, payloadOf({ weights: 'stuck' }), { jobId: 'stuck', attempts: 5 });
  await add('other');
  await until(async () => (await state('other')) === 'completed');
  expect([await state('stuck'), aborted]).toEqual(['failed', ['stuck']]);
  const message = 'The job has not ended after 0.3 s, in stage pack.';
  expect(outcomes).toMatchObject([
    { state: 'failed', error: { code: 'job-timeout', message } },
    { state: 'completed' },
  ]);
});

describe('an engine that hangs in a job', () => {
  const hangs = () => Promise.reject(new CairnError('engine-hung', 'The engine has not ended.'));

  test('has it run next alone; that is no attempt', async () => {
    let runs = 0;
    work(() => (++runs === 1 ? hangs() : Promise.resolve(result)));
    await add('one');
    await until(async () => (await state('one')) === 'completed');
    expect([runs, (await queue.getJob('one'))!.attemptsMade]).toEqual([2, 1]);
    expect(lines).toContain('WARN jobs are handed on: The engine has not ended.');
  });

  test('and hangs again, alone, has it given up', async () => {
    let runs = 0;
    work(() => (runs++, hangs()));
    await add('one');
    await until(async () => (await state('one')) === 'failed');
    expect(runs).toBe(3);
    const message = expect.stringMatching(/^The engine hung, or its worker died, 3 times in this job, 2 of them/);
    expect(outcomes).toMatchObject([{ state: 'failed', error: { code: 'engine-hung', message } }]);
  });
});
