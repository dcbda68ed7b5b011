import { expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, fixture, type Job, type Problem } from './support/client.js';
import { until } from './support/service.js';
import { useService } from './support/use-service.js';

const services = useService({ env: { CAIRN_LOCK_DURATION_MS: '2000' } });
const { start } = services;
/** The service answers without Redis within 1.5 s; a slow machine takes longer, and the alternative is for ever. */
const AT_ONCE_MS = 5000;

const features = () => readdir(join(services.data, 'features')).catch(() => []);

test('a worker killed in the middle of a job loses nothing: another finishes it', async () => {
  const client = new Client((await start('api')).url);
  const doomed = await start('worker');
  const job = await client.submit(await fixture('astronaut.jpg'), 'size=1024');
  await until(async () => (await client.job(job.id)).progress?.stage === 'run');
  await doomed.end('SIGKILL');
  expect(await features()).toEqual([]);

  await start('worker');
  const done = await client.finish(job.id);
  expect(done).toMatchObject({ state: 'completed', attempts: 2, features: { id: job.featuresId } });
  expect(await features()).toEqual([`${job.featuresId}.zarr.zip`]);
});

test('a worker killed while it writes leaves no half archive, and its remains are swept', async () => {
  const client = new Client((await start('api')).url);
  const doomed = await start('worker');
  const job = await client.submit(await fixture('landscape.jpg'), 'size=1024&dtype=float32&levels=C1,C2,C3');
  await until(async () => (await features()).some((name) => name.startsWith('.partial')), 30_000);
  await doomed.end('SIGKILL');
  expect((await features()).filter((name) => !name.startsWith('.'))).toEqual([]);

  await start('worker');
  await client.finish(job.id);
  expect(await features()).toEqual([`${job.featuresId}.zarr.zip`]);
});

test('without Redis a submission is refused at once, and work resumes by itself when it is back', async () => {
  const service = await start('all');
  const client = new Client(service.url);
  const before = await client.submit(await fixture('tiny.png'), 'size=64');
  await client.finish(before.id);
  await services.restartRedis(async () => {
    const begun = performance.now();
    const response = await client.post('size=64', new Uint8Array(await fixture('portrait.png')));
    expect(performance.now() - begun).toBeLessThan(AT_ONCE_MS);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      503,
      'application/problem+json; charset=utf-8',
    ]);
    expect(((await response.json()) as Problem).code).toBe('queue-unavailable');
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect((await fetch(`${service.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${service.url}/livez`)).status).toBe(200);
    expect(await (await fetch(`${service.url}/v1/models`)).json()).toMatchObject({ workers: null });
    // What the store knows is answered all the same.
    expect((await client.post('size=64', new Uint8Array(await fixture('tiny.png')))).status).toBe(200);
  });
  await until(async () => (await fetch(`${service.url}/readyz`)).status === 200);
  const after = await client.submit(await fixture('portrait.png'), 'size=64');
  expect(await client.finish(after.id)).toMatchObject({ state: 'completed' });
  expect(await client.job(before.id)).toMatchObject({ state: 'completed' });
});

test('a frozen Redis is an absent one', async () => {
  const service = await start('api');
  const client = new Client(service.url);
  await until(async () => (await fetch(`${service.url}/readyz`)).status === 200);
  process.kill(services.redis.pid, 'SIGSTOP');
  try {
    const begun = performance.now();
    const response = await client.post('size=64', new Uint8Array(await fixture('portrait.png')));
    expect([response.status, performance.now() - begun < AT_ONCE_MS]).toEqual([503, true]);

    const asked = performance.now();
    const catalogue = (await (await fetch(`${service.url}/v1/models`)).json()) as { models: object[]; workers: null };
    expect([catalogue.workers, performance.now() - asked < AT_ONCE_MS]).toEqual([null, true]);
    expect(catalogue.models.length).toBeGreaterThan(0);
  } finally {
    process.kill(services.redis.pid, 'SIGCONT');
  }
});

test('SIGTERM lets the running job finish, takes no other, and ends with status 0', async () => {
  const client = new Client((await start('api')).url);
  const worker = await start('worker', { CAIRN_CONCURRENCY: '1' });
  const running = await client.submit(await fixture('astronaut.jpg'), 'size=512');
  const waiting = await client.submit(await fixture('landscape.jpg'), 'size=512');
  await client.waitFor(running.id, ['active']);
  expect(await worker.end('SIGTERM')).toBe(0);
  expect(await client.job(running.id)).toMatchObject({ state: 'completed' });
  expect(await client.job(waiting.id)).toMatchObject({ state: 'queued' });
});

test('SIGTERM ends a service whose Redis is gone', async () => {
  const service = await start('all');
  await services.redis.stop();
  expect(await service.end('SIGTERM')).toBe(0);
});

test('SIGTERM ends an API whose clients still follow jobs', async () => {
  const api = await start('api');
  const client = new Client(api.url);
  const job = await client.submit(await fixture('tiny.png'), 'size=64');
  const events = await fetch(api.url + job.links['events']!);
  const text = events.text();
  expect(await api.end('SIGTERM')).toBe(0);
  expect(await text).toContain('"state":"queued"');
});

test('a job can be cancelled while it waits and while it runs, not when it is over', async () => {
  const client = new Client((await start('api')).url);
  const cancel = async (id: string) => {
    const response = await fetch(`${client.url}/v1/jobs/${id}`, { method: 'DELETE' });
    return { status: response.status, body: (await response.json()) as Job & Problem };
  };
  const waiting = await client.submit(await fixture('landscape.jpg'), 'size=64');
  expect(await cancel(waiting.id)).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  expect(await cancel(waiting.id)).toMatchObject({ status: 200, body: { state: 'cancelled' } });

  await start('worker');
  const running = await client.submit(await fixture('astronaut.jpg'), 'size=1024');
  await until(async () => (await client.job(running.id)).progress?.stage === 'run');
  const events = fetch(`${client.url}${running.links['events']!}`).then((response) => response.text());
  expect(await cancel(running.id)).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  expect(await events).toContain('"state":"cancelled"');

  const other = await client.submit(await fixture('tiny.png'), 'size=64');
  expect(await client.finish(other.id)).toMatchObject({ state: 'completed' });
  expect(await cancel(other.id)).toMatchObject({ status: 409, body: { code: 'job-finished' } });
  expect([(await client.job(waiting.id)).state, (await client.job(running.id)).state]).toEqual([
    'cancelled',
    'cancelled',
  ]);
  expect(await features()).toEqual([`${other.featuresId}.zarr.zip`]);
});

test('a queue that is full says so', async () => {
  const client = new Client((await start('api', { CAIRN_QUEUE_LIMIT: '1' })).url);
  await client.submit(await fixture('tiny.png'), 'size=64');
  const response = await client.post('size=128', new Uint8Array(await fixture('tiny.png')));
  expect([response.status, ((await response.json()) as Problem).code]).toEqual([429, 'queue-full']);
});

test('many that come at once do not pass the limit together', async () => {
  const client = new Client((await start('api', { CAIRN_QUEUE_LIMIT: '5' })).url);
  const image = new Uint8Array(await fixture('tiny.png'));
  const responses = await Promise.all(Array.from({ length: 30 }, () => client.post('size=64', image)));
  expect(responses.filter(({ status }) => status === 202)).toHaveLength(5);
  expect(responses.filter(({ status }) => status === 429)).toHaveLength(25);
});

test('a cancelled job that waits leaves its place in the queue, and is still shown as cancelled', async () => {
  const client = new Client((await start('api', { CAIRN_QUEUE_LIMIT: '3' })).url);
  const image = await fixture('tiny.png');
  const jobs = [];
  for (const size of [64, 128, 192]) jobs.push(await client.submit(image, `size=${size}`));
  expect((await client.post('size=256', new Uint8Array(image))).status).toBe(429);
  for (const { id } of jobs) {
    const cancelled = await fetch(`${client.url}/v1/jobs/${id}`, { method: 'DELETE' });
    expect([cancelled.status, ((await cancelled.json()) as Job).state]).toEqual([200, 'cancelled']);
  }
  const next = await client.submit(image, 'size=256');
  for (const { id } of jobs) {
    expect(await client.job(id)).toMatchObject({ id, state: 'cancelled', links: { self: `/v1/jobs/${id}` } });
    expect((await fetch(`${client.url}/v1/jobs/${id}`, { method: 'DELETE' })).status).toBe(200);
  }
  await start('worker');
  expect(await client.finish(next.id)).toMatchObject({ state: 'completed' });
});

test('a cancellation through one API is heard by those who follow the job on another', async () => {
  const one = new Client((await start('api')).url);
  const other = await start('api');
  const job = await one.submit(await fixture('tiny.png'), 'size=64');
  const events = fetch(other.url + job.links['events']!).then((response) => response.text());
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await fetch(`${one.url}/v1/jobs/${job.id}`, { method: 'DELETE' })).status).toBe(200);
  expect((await events).match(/"state":"(queued|cancelled)"/g)).toEqual(['"state":"queued"', '"state":"cancelled"']);
});

test('a worker that was stopped beyond its lock changes nothing that another has done meanwhile', async () => {
  const client = new Client((await start('api')).url);
  const frozen = await start('worker');
  const job = await client.submit(await fixture('astronaut.jpg'), 'size=1024');
  await until(async () => (await client.job(job.id)).progress?.stage === 'run');
  process.kill(frozen.process.pid!, 'SIGSTOP');
  await start('worker');
  await client.finish(job.id);
  const etag = async () =>
    (await fetch(`${client.url}/v1/features/${job.featuresId}.zarr.zip`, { method: 'HEAD' })).headers.get('etag');
  const before = await etag();
  process.kill(frozen.process.pid!, 'SIGCONT');
  // It ends its run, and writes, before it ends itself.
  expect(await frozen.end('SIGTERM')).toBe(0);
  expect([await etag(), await features()]).toEqual([before, [`${job.featuresId}.zarr.zip`]]);
});
