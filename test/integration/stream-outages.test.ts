import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Client, type Problem } from './support/client.js';
import { cutAfter } from './support/cutting-proxy.js';
import { EventClient } from './support/event-client.js';
import { until, type Service } from './support/service.js';
import { submitDistinct } from './support/tiny-images.js';
import { useService } from './support/use-service.js';

const services = useService({ env: { CAIRN_LOCK_DURATION_MS: '2000' } });
const { start, restartRedis } = services;
/** The service answers without Redis within 1.5 s; a slow machine takes longer, and the alternative is for ever. */
const AT_ONCE_MS = 5000;

let opened: EventClient[];
beforeEach(() => {
  opened = [];
});
afterEach(() => {
  for (const stream of opened) stream.close();
});

async function open(service: Service, query = '', headers: Record<string, string> = {}): Promise<EventClient> {
  const stream = await EventClient.open(`${service.url}/v1/stream?${query}`, headers);
  opened.push(stream);
  await until(() => stream.events.length > 0);
  return stream;
}

const acknowledge = (service: Service, group: string, ids: readonly string[]) =>
  fetch(`${service.url}/v1/stream/groups/${group}/ack`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ids }),
  });
const jobsOf = (stream: EventClient) => stream.sets.map(({ job }) => job.id);

test('a Redis that is restarted loses nothing: streams stay open and go on', async () => {
  const api = await start('api');
  const client = new Client(api.url);
  const [follower, consumer] = [await open(api), await open(api, 'group=g&consumer=c&prefetch=2')];
  const worker = await start('worker');
  const before = await submitDistinct(client, 2);
  await follower.heard(2);
  const held = await consumer.heard(2);
  await restartRedis();
  await until(async () => (await fetch(`${api.url}/readyz`)).status === 200);
  const after = await submitDistinct(client, 3);
  await follower.heard(5);
  expect(jobsOf(follower).toSorted()).toEqual([...before, ...after].toSorted());
  // What the consumer had in hand is still its own, and is acknowledged as if nothing had happened.
  expect(
    await (
      await acknowledge(
        api,
        'g',
        held.map(({ id }) => id),
      )
    ).json(),
  ).toEqual({ acknowledged: 2 });
  await consumer.heard(4);
  await acknowledge(
    api,
    'g',
    consumer.sets.map(({ id }) => id),
  );
  await consumer.heard(5);
  expect(jobsOf(consumer).toSorted()).toEqual([...before, ...after].toSorted());
  expect(consumer.sets.every(({ delivery }) => delivery === 1)).toBe(true);
  expect([follower.ended, consumer.ended, follower.named('gap')]).toEqual([false, false, []]);
  expect(await worker.end()).toBe(0);
});

test('announcements wait for a Redis that is away while jobs finish', async () => {
  const api = await start('api');
  const client = new Client(api.url);
  const follower = await open(api);
  await start('worker', { CAIRN_CONCURRENCY: '1' });
  const jobs = await submitDistinct(client, 12);
  await follower.heard(2);
  await restartRedis();
  await follower.heard(12);
  expect(jobsOf(follower).toSorted()).toEqual(jobs.toSorted());
});

test('a worker killed between the announcement and the end of its job: announced once all the same', async () => {
  const api = await start('api');
  const client = new Client(api.url);
  const follower = await open(api);
  const proxy = await cutAfter('HSETNX', services.redis.port);
  const doomed = await start('worker', { REDIS_URL: proxy.url });
  const [job] = await submitDistinct(client, 1);
  await proxy.cut;
  await follower.heard(1);
  await doomed.end('SIGKILL');
  await proxy.close();
  expect(await client.job(job!)).toMatchObject({ state: 'active' });

  await start('worker');
  expect(await client.finish(job!)).toMatchObject({ state: 'completed', attempts: 2, timings: {} });
  const [other] = await submitDistinct(client, 1);
  await follower.heard(2);
  expect(jobsOf(follower)).toEqual([job, other]);
});

test('consumers of two servers share a group; acknowledging at one lets the other go on', async () => {
  const [one, two] = [await start('api'), await start('api')];
  const consumers = [await open(one, 'group=g&consumer=a'), await open(two, 'group=g&consumer=b')];
  await start('worker');
  const jobs = await submitDistinct(new Client(one.url), 6);
  const acknowledged = new Set<string>();
  await until(async () => {
    const ids = consumers.flatMap(({ sets }) => sets.map(({ id }) => id)).filter((id) => !acknowledged.has(id));
    // All through the first server, whichever consumer holds them.
    if (ids.length > 0) await acknowledge(one, 'g', ids);
    for (const id of ids) acknowledged.add(id);
    return acknowledged.size === 6;
  });
  expect(consumers.flatMap(jobsOf).toSorted()).toEqual(jobs.toSorted());
});

test('who comes back to less than it left is told of the gap; who asks for all that is held is not', async () => {
  const service = await start('all', { CAIRN_STREAM_LENGTH: '4' });
  const client = new Client(service.url);
  const early = await open(service);
  const group = await open(service, 'group=g&consumer=c');
  await submitDistinct(client, 2);
  await early.heard(2);
  const [first, second] = early.sets;
  early.close();
  group.close();
  await until(async () => (await listed(service)).consumers.every(({ connected }) => !connected));
  // The group has the first in hand. After this only the last four are held.
  for (const id of await submitDistinct(client, 5)) await client.finish(id);
  const inspector = new Redis(services.redis.url);
  const held = (await inspector.xrange('cairn:announcements', '-', '+')).map(([id]) => id);
  const missedUntil = await inspector.get('cairn:announcements:trimmed');
  inspector.disconnect();
  expect(held).toHaveLength(4);

  const late = await open(service, `after=${second!.id}`);
  await late.heard(4);
  expect(late.events[1]).toEqual({ event: 'gap', id: missedUntil, data: { missedUntil } });
  expect(late.sets.map(({ id }) => id)).toEqual(held);
  // From the last that was dropped on nothing is missing.
  for (const after of [missedUntil, '0']) {
    const whole = await open(service, `after=${after}`);
    await whole.heard(4);
    expect(whole.named('gap')).toEqual([]);
  }
  const back = await open(service, 'group=g&consumer=c&prefetch=4');
  await back.heard(4);
  expect(back.named('lost')).toEqual([{ event: 'lost', data: { count: 1 } }]);
  expect(back.named('gap')).toEqual([{ event: 'gap', data: { missedUntil } }]);
  expect(back.sets.map(({ id, delivery }) => [id, delivery])).toEqual(held.map((id) => [id, 1]));
  expect(back.sets.map(({ id }) => id)).not.toContain(first!.id);
});

test('without Redis a stream is refused at once; when it is back, it is there', async () => {
  const api = await start('api');
  await restartRedis(async () => {
    for (const query of ['', 'group=g&consumer=c']) {
      const begun = performance.now();
      const response = await fetch(`${api.url}/v1/stream?${query}`);
      expect([response.status, ((await response.json()) as Problem).code]).toEqual([503, 'queue-unavailable']);
      expect(performance.now() - begun).toBeLessThan(AT_ONCE_MS);
    }
    expect((await fetch(`${api.url}/v1/stream/groups`)).status).toBe(503);
  });
  await until(async () => (await fetch(`${api.url}/readyz`)).status === 200);
  await start('worker');
  const follower = await open(api);
  await submitDistinct(new Client(api.url), 1);
  await follower.heard(1);
});

test('SIGTERM ends an API whose subscribers still listen, also those that do not read, and consumers take their leave', async () => {
  const [api, other] = [await start('api'), await start('api')];
  const streams = [await open(api), await open(api, 'group=g&consumer=c'), await open(api)];
  streams[2]!.pause();
  expect(await api.end('SIGTERM')).toBe(0);
  await until(() => streams[0]!.ended && streams[1]!.ended);
  expect((await listed(other)).consumers).toEqual([]);
});

test('SIGTERM ends an API with subscribers whose Redis is gone', async () => {
  const api = await start('api');
  const streams = [await open(api), await open(api, 'group=g&consumer=c')];
  await services.redis.stop();
  expect(await api.end('SIGTERM')).toBe(0);
  await until(() => streams.every(({ ended }) => ended));
});

async function listed(service: Service) {
  const response = await fetch(`${service.url}/v1/stream/groups`);
  const { groups } = (await response.json()) as { groups: { consumers: { connected: boolean }[] }[] };
  return groups[0]!;
}
