import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Problem } from './support/client.js';
import { EventClient } from './support/event-client.js';
import { until, type Service } from './support/service.js';
import { submitDistinct } from './support/tiny-images.js';
import { useSharedService } from './support/use-service.js';

const services = useSharedService();
let inspector: Redis;
let service: Service;
let client: Client;
let opened: EventClient[] = [];

beforeAll(async () => {
  inspector = new Redis(services.redis.url);
  service = await services.start('all');
  client = new Client(service.url);
});

afterEach(() => {
  for (const stream of opened) stream.close();
  opened = [];
});

afterAll(() => inspector.disconnect());

async function open(query = '', headers: Record<string, string> = {}): Promise<EventClient> {
  const stream = await EventClient.open(`${service.url}/v1/stream?${query}`, headers);
  opened.push(stream);
  await until(() => stream.events.length > 0);
  return stream;
}

const post = (path: string, body: unknown) =>
  fetch(`${service.url}/v1/stream/groups/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const answer = async (response: Response) => [response.status, await response.json()] as const;
const groups = async () =>
  ((await (await fetch(`${service.url}/v1/stream/groups`)).json()) as { groups: Record<string, unknown>[] }).groups;
const jobsOf = (stream: EventClient) => stream.sets.map(({ job }) => job.id);

test('every finished set is announced once, to each subscriber, with the way to its tensors', async () => {
  const [one, other] = [await open(), await open('model=mask-rcnn-resnet18')];
  const elsewhere = await open('model=mask-rcnn-resnet34&batch=none');
  expect(one.events[0]).toMatchObject({ event: 'ready', id: expect.stringMatching(/^\d+-\d+$/) });
  const jobs = await submitDistinct(client, 8);
  for (const stream of [one, other]) {
    await stream.heard(8);
    expect(jobsOf(stream).toSorted()).toEqual(jobs.toSorted());
  }
  const [set] = one.sets;
  expect(set).toMatchObject({
    ...{ model: 'mask-rcnn-resnet18', dtype: 'float16', size: 64, made: true, levels: ['C2', 'C3', 'C4', 'C5'] },
    features: { href: `/v1/features/${set!.features.id}` },
    links: { safetensors: `/v1/features/${set!.features.id}.safetensors` },
  });
  expect((await client.bytes(`${set!.features.href}.safetensors`)).length).toBeGreaterThan(1000);
  // What comes later shows that nothing came twice.
  await submitDistinct(client, 1);
  expect(await one.heard(9)).toHaveLength(9);
  expect(elsewhere.sets).toEqual([]);
});

test('who was away resumes after the last event it saw: nothing is lost, nothing comes twice', async () => {
  const first = await open();
  const early = await submitDistinct(client, 3);
  await first.heard(3);
  first.close();
  const missed = await submitDistinct(client, 3);
  for (const id of missed) await client.finish(id);
  const second = await open('', { 'last-event-id': first.lastId! });
  const late = await submitDistinct(client, 2);
  await second.heard(5);
  expect(jobsOf(first).toSorted()).toEqual(early.toSorted());
  expect(jobsOf(second).toSorted()).toEqual([...missed, ...late].toSorted());
  // Before its first set a client resumes from where it began to listen, and all that is held can be asked for.
  const again = await open(`after=${first.events[0]!.id!}`);
  await again.heard(8);
  expect(jobsOf(again)).toEqual([...jobsOf(first), ...jobsOf(second)]);
  const all = await open('after=0');
  const last = jobsOf(again).at(-1)!;
  await until(() => jobsOf(all).includes(last), 45_000);
  expect(jobsOf(all).slice(-8)).toEqual(jobsOf(again));
  expect(all.named('gap')).toEqual([]);
});

test('two consumers of a group share the sets, each to exactly one', async () => {
  const consumers = [await open('group=share&consumer=a&prefetch=2'), await open('group=share&consumer=b&prefetch=2')];
  const jobs = await submitDistinct(client, 20);
  const acknowledged = new Set<string>();
  await until(async () => {
    for (const { sets } of consumers) {
      expect(sets.filter(({ id }) => !acknowledged.has(id)).length).toBeLessThanOrEqual(2);
      const ids = sets.map(({ id }) => id).filter((id) => !acknowledged.has(id));
      if (ids.length === 0) continue;
      expect(await answer(await post('share/ack', { ids }))).toEqual([200, { acknowledged: ids.length }]);
      for (const id of ids) acknowledged.add(id);
    }
    return acknowledged.size === 20;
  });
  expect(consumers.flatMap(jobsOf).toSorted()).toEqual(jobs.toSorted());
  for (const consumer of consumers) expect(consumer.sets.length).toBeGreaterThan(0);
  expect(consumers.flatMap(({ sets }) => sets).every(({ delivery }) => delivery === 1)).toBe(true);
  const [id] = acknowledged;
  expect(await answer(await post('share/ack', { ids: [id] }))).toEqual([200, { acknowledged: 0 }]);
  expect(await groups()).toContainEqual(
    expect.objectContaining({ name: 'share', pending: 0, lag: 0, consumers: expect.any(Array) }),
  );
});

test('what a consumer that died has not acknowledged goes to another, told as the second delivery', async () => {
  const doomed = await open('group=heirs&consumer=doomed&prefetch=3&redeliverAfterMs=1500');
  const jobs = await submitDistinct(client, 3);
  await doomed.heard(3);
  const heir = await open('group=heirs&consumer=heir&prefetch=3&redeliverAfterMs=1500');
  doomed.close();
  await heir.heard(3);
  expect(jobsOf(heir).toSorted()).toEqual(jobs.toSorted());
  expect(heir.sets.map(({ delivery }) => delivery)).toEqual([2, 2, 2]);
  await post('heirs/ack', { ids: heir.sets.map(({ id }) => id) });
  // The dead one's name does not stay, and the group has nothing left to do.
  await until(async () => {
    const group = (await groups()).find(({ name }) => name === 'heirs')!;
    return group['pending'] === 0 && !JSON.stringify(group['consumers']).includes('doomed');
  });
});

test('a consumer that comes back under its name has its own sets at once, and work that takes long may be extended', async () => {
  const query = 'group=back&consumer=me&prefetch=2&redeliverAfterMs=60000';
  const before = await open(query);
  await submitDistinct(client, 3);
  const [kept, done] = await before.heard(2);
  before.close();
  const after = await open(query);
  await after.heard(2);
  expect(after.sets.map(({ id, delivery }) => [id, delivery])).toEqual([
    [kept!.id, 2],
    [done!.id, 2],
  ]);
  await post('back/ack', { ids: [done!.id] });
  expect((await after.heard(3))[2]).toMatchObject({ delivery: 1 });
  expect(await answer(await post('back/extend', { consumer: 'me', ids: [kept!.id, done!.id] }))).toEqual([
    200,
    { extended: [kept!.id] },
  ]);
  // The newest connection has the name; the older one is notified.
  const newest = await open(query);
  await until(() => after.ended);
  expect(after.events.at(-1)).toEqual({ event: 'end', data: { reason: 'superseded' } });
  await newest.heard(2);
});

test('extended work is not delivered again, what is left lying is', async () => {
  const holder = await open('group=long&consumer=slow&prefetch=2&redeliverAfterMs=2000');
  await submitDistinct(client, 2);
  const [kept, left] = await holder.heard(2);
  const other = await open('group=long&consumer=other&prefetch=5&redeliverAfterMs=2000');
  await until(async () => {
    await post('long/extend', { consumer: 'slow', ids: [kept!.id] });
    return other.sets.length > 0;
  });
  expect(other.sets.map(({ id, delivery }) => [id, delivery])).toEqual([[left!.id, 2]]);
  expect(await answer(await post('long/extend', { consumer: 'slow', ids: [left!.id] }))).toEqual([
    200,
    { extended: [] },
  ]);
});

test('a group has one filter, which passes over the rest, and is deleted with its consumers told', async () => {
  const query = 'group=narrow&consumer=c&prefetch=10';
  const narrow = await open(`${query}&model=mask-rcnn-resnet34&model=mask-rcnn-resnet50`);
  await expect(open(`${query}&model=mask-rcnn-resnet18`)).rejects.toThrow(/409: .*group-conflict/);
  const same = await open('group=narrow&consumer=d&model=mask-rcnn-resnet50,mask-rcnn-resnet34');
  const [job] = await submitDistinct(client, 1);
  await client.finish(job!);
  await until(async () => (await groups()).find(({ name }) => name === 'narrow')!['lag'] === 0);
  expect([...narrow.sets, ...same.sets]).toEqual([]);
  expect((await fetch(`${service.url}/v1/stream/groups/narrow`, { method: 'DELETE' })).status).toBe(204);
  await until(() => narrow.ended && same.ended);
  expect(narrow.events.at(-1)).toEqual({ event: 'end', data: { reason: 'gone' } });
  const again = await fetch(`${service.url}/v1/stream/groups/narrow`, { method: 'DELETE' });
  expect([again.status, ((await again.json()) as Problem).code]).toEqual([404, 'group-not-found']);
  expect(await answer(await post('narrow/ack', { ids: ['1-0'] }))).toMatchObject([404, { code: 'group-not-found' }]);
});

test('a new group may begin with what is held', async () => {
  const held = await open('after=0');
  const count = await inspector.xlen('cairn:announcements');
  await held.heard(count);
  const group = await open('group=all&consumer=c&prefetch=100&from=0');
  await group.heard(Math.min(count, 100));
  expect(jobsOf(group)).toEqual(jobsOf(held).slice(0, 100));
});

test.each([
  ['nonsense=1', 400, 'option-unknown'],
  ['after=yesterday', 400, 'option-invalid'],
  ['model=mask-rcnn-resnet19', 400, 'model-unknown'],
  ['group=g', 400, 'option-invalid'],
  ['group=a%20b&consumer=c', 400, 'option-invalid'],
  ['group=g&consumer=c&prefetch=0', 400, 'option-invalid'],
  ['group=g&consumer=c&after=0', 400, 'option-unknown'],
])('%s is refused', async (query, status, code) => {
  const response = await fetch(`${service.url}/v1/stream?${query}`);
  expect([response.status, ((await response.json()) as Problem).code]).toEqual([status, code]);
});

test.each([
  [{}, 'option-invalid'],
  [{ ids: [] }, 'option-invalid'],
  [{ ids: ['yesterday'] }, 'option-invalid'],
  [{ ids: ['1-0'], force: true }, 'option-unknown'],
  [[], 'request-malformed'],
])('an acknowledgement of %j is refused', async (body, code) => {
  expect(await answer(await post('share/ack', body))).toMatchObject([400, { code }]);
});

test('two hundred clients that leave, subscribers and consumers, leave nothing behind', async () => {
  const connections = async () => String(await inspector.client('LIST')).split('\n').length;
  const before = await connections();
  for (let round = 0; round < 2; round++) {
    const clients = await Promise.all(
      Array.from({ length: 100 }, (_, i) => [open(), open(`group=crowd&consumer=c${i}`)]).flat(),
    );
    expect(await connections()).toBe(before);
    const crowd = (await groups()).find(({ name }) => name === 'crowd')!;
    expect(crowd['consumers']).toHaveLength(100);
    for (const stream of clients) stream.close();
    // Fields of a consumer carry its name after a colon.
    const fields = async () => Object.keys(await inspector.hgetall('cairn:announcements:group:crowd'));
    await until(async () => (await fields()).every((field) => !field.includes(':')));
  }
  expect(await connections()).toBe(before);
  expect((await groups()).find(({ name }) => name === 'crowd')).toMatchObject({ consumers: [], pending: 0 });
});

test('a client that does not read keeps nobody waiting and is read nothing for, and goes on where it was', async () => {
  const count = 30_000;
  await announceMany(count);
  const slow = await EventClient.open(`${service.url}/v1/stream?after=0`);
  opened.push(slow);
  slow.pause();
  const quick = await open();
  const jobs = await submitDistinct(client, 3);
  await quick.heard(3);
  expect(jobsOf(quick).toSorted()).toEqual(jobs.toSorted());
  // What the sockets hold has been read from Redis for it, and no more: far from all.
  let before = -1;
  await until(async () => {
    await sleep(300);
    const read = await pagesRead();
    const settled = read === before;
    before = read;
    return settled;
  });
  await inspector.config('RESETSTAT');
  slow.resume();
  await until(() => slow.sets.length >= count, 60_000);
  expect(await pagesRead()).toBeGreaterThan(count / 100 / 2);
  await until(() => slow.sets.some(({ job }) => job.id === jobs[2]));
  expect(new Set(slow.sets.map(({ id }) => id)).size).toBe(await inspector.xlen('cairn:announcements'));
});

/** Copies an announcement that is held, as many times as if so many jobs had finished. */
async function announceMany(count: number): Promise<void> {
  const [[, fields]] = (await inspector.xrevrange('cairn:announcements', '+', '-', 'COUNT', 1)) as [[string, string[]]];
  for (let made = 0; made < count; made += 1000) {
    const pipeline = inspector.pipeline();
    for (let i = 0; i < 1000; i++) pipeline.xadd('cairn:announcements', '*', ...fields);
    await pipeline.exec();
  }
}

/** How many pages of announcements Redis has been asked for. */
async function pagesRead(): Promise<number> {
  return Number(/cmdstat_xrange:calls=(\d+)/.exec(await inspector.info('commandstats'))?.[1] ?? 0);
}
