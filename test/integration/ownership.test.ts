import { beforeAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { numberedImage, OPTIONS, tarOf, type BatchView } from './support/batch-client.js';
import type { Job } from './support/client.js';
import { EventClient, type AnnouncedSet } from './support/event-client.js';
import { testKey, writeKeys, type TestKey } from './support/key-file.js';
import { until, type Service } from './support/service.js';
import { useSharedService } from './support/use-service.js';

const alice = testKey('alice', 'read,submit');
const bob = testKey('bob', 'read,submit');
const boss = testKey('boss', 'admin');

const services = useSharedService({ env: { CAIRN_THREADS: '1' } });
let service: Service;
/** A job of the time before there were keys. */
let orphan: Job;

beforeAll(async () => {
  const open = await services.start('api');
  orphan = (await (await fetch(`${open.url}/v1/jobs?${OPTIONS}`, body('POST', await numberedImage(1)))).json()) as Job;
  const file = join(services.data, '..', 'keys');
  await writeKeys(file, [alice, bob, boss]);
  service = await services.start('all', { CAIRN_API_KEYS_FILE: file });
});

function body(method: string, bytes: Buffer, headers: Record<string, string> = {}): RequestInit {
  return { method, body: new Uint8Array(bytes), headers };
}

function ask(by: TestKey, method: string, path: string, more: RequestInit = {}): Promise<Response> {
  return fetch(service.url + path, { method, ...more, headers: { ...by.headers, ...(more.headers as object) } });
}

const statusOf = async (by: TestKey, method: string, path: string) => {
  const response = await ask(by, method, path);
  await response.body?.cancel();
  return response.status;
};
const json = async <T>(response: Promise<Response>) => (await (await response).json()) as T;

async function submitJob(by: TestKey, number: number): Promise<Job> {
  return json(ask(by, 'POST', `/v1/jobs?${OPTIONS}`, body('POST', await numberedImage(number))));
}

async function finished(by: TestKey, path: string): Promise<void> {
  await until(async () => 'finishedAt' in (await json<object>(ask(by, 'GET', path))), 45_000);
}

async function submitBatch(by: TestKey, bytes: Buffer, headers: Record<string, string> = {}, query = OPTIONS) {
  const response = await ask(by, 'POST', `/v1/batches?${query}`, body('POST', bytes, headers));
  return { status: response.status, batch: (await response.json()) as BatchView & { owner?: string; code?: string } };
}

test('a job is its submitter’s: others are told that there is none', async () => {
  const job = (await submitJob(alice, 100)) as Job & { owner?: string };
  expect(job.owner).toBe('alice');
  const path = `/v1/jobs/${job.id}`;
  for (const [method, at] of [
    ['GET', path],
    ['DELETE', path],
    ['GET', `${path}/events`],
  ] as const) {
    const refused = await json<{ code: string; detail: string }>(ask(bob, method, at));
    const none = await json<{ code: string; detail: string }>(
      ask(bob, method, at.replace(job.id, '00000000-0000-4000-8000-000000000000')),
    );
    expect(refused.code).toBe('job-not-found');
    expect(refused.detail.replace(job.id, '')).toBe(none.detail.replace(/[0-9a-f-]{36}/, ''));
  }
  expect([await statusOf(alice, 'GET', path), await statusOf(boss, 'GET', path)]).toEqual([200, 200]);
  await finished(alice, path);
});

test('a job may be cancelled by its submitter and by an admin; the log says by whom', async () => {
  for (const [by, number] of [
    [alice, 110],
    [boss, 111],
  ] as const) {
    const job = await submitJob(alice, number);
    const response = await ask(by, 'DELETE', `/v1/jobs/${job.id}`);
    // It may have completed by now.
    expect([200, 409]).toContain(response.status);
    if (response.status === 409) continue;
    const line = `job ${job.id} cancelled: DELETE /v1/jobs/:id by key ${by.name} from 127.0.0.1`;
    await until(
      () => service.log().includes(line),
      5000,
      () => line,
    );
    expect([
      await statusOf(bob, 'GET', `/v1/jobs/${job.id}`),
      await statusOf(alice, 'GET', `/v1/jobs/${job.id}`),
    ]).toEqual([404, 200]);
  }
});

test('what was submitted before there were keys is the admin’s', async () => {
  const path = `/v1/jobs/${orphan.id}`;
  expect([await statusOf(alice, 'GET', path), await statusOf(boss, 'GET', path)]).toEqual([404, 200]);
});

test('a feature set is read by whoever has its id, and its cached job too', async () => {
  const job = await submitJob(alice, 120);
  await finished(alice, `/v1/jobs/${job.id}`);
  expect(await statusOf(bob, 'GET', `/v1/features/${job.featuresId!}`)).toBe(200);
  const again = await submitJob(bob, 120);
  expect(again).toMatchObject({ state: 'completed', featuresId: job.featuresId });
  expect(await statusOf(bob, 'GET', `/v1/jobs/${again.id}`)).toBe(200);
});

describe('a batch', () => {
  test('is its submitter’s, with its lines and results', async () => {
    const tar = await tarOf([['a.png', await numberedImage(200)]]);
    const { batch } = await submitBatch(alice, tar);
    expect(batch.owner).toBe('alice');
    const path = `/v1/batches/${batch.id}`;
    await finished(alice, path);
    for (const [method, at] of [
      ['GET', path],
      ['DELETE', path],
      ['GET', `${path}/results`],
      ['GET', `${path}/features`],
      ['GET', `/v1/jobs/${batch.id}.1`],
    ] as const) {
      expect([at, await statusOf(bob, method, at)]).toEqual([at, 404]);
    }
    for (const by of [alice, boss]) {
      expect(await statusOf(by, 'GET', `${path}/results`)).toBe(200);
      expect(await statusOf(by, 'GET', `${path}/features`)).toBe(200);
      // Too late, but not unknown.
      expect(await statusOf(by, 'DELETE', path)).toBe(409);
    }
  });

  test('has an Idempotency-Key of its owner: others with the same text get their own', async () => {
    const tar = await tarOf([['a.png', await numberedImage(210)]]);
    const headers = { 'idempotency-key': 'nightly' };
    const first = await submitBatch(alice, tar, headers);
    const second = await submitBatch(bob, tar, headers);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.batch.id).not.toBe(first.batch.id);
    const again = await submitBatch(alice, tar, headers);
    expect([again.status, again.batch.id]).toEqual([200, first.batch.id]);
  });
});

describe('an Idempotency-Key that comes again', () => {
  const key = (name: string) => ({ 'idempotency-key': name });

  test('with another body, or other options, is a conflict', async () => {
    const tar = await tarOf([['a.png', await numberedImage(220)]]);
    const other = await tarOf([['a.png', await numberedImage(221)]]);
    const { batch } = await submitBatch(alice, tar, key('k1'));
    for (const [bytes, query] of [
      [other, OPTIONS],
      [tar, `${OPTIONS}&dtype=float32`],
      [Buffer.concat([tar, Buffer.alloc(512)]), OPTIONS],
      [Buffer.from('no batch at all'), OPTIONS],
    ] as const) {
      const refused = await submitBatch(alice, bytes, key('k1'), query);
      expect([refused.status, refused.batch.code]).toEqual([409, 'idempotency-conflict']);
    }
    // The order of options says nothing.
    const swapped = OPTIONS.split('&').reverse().join('&');
    const again = await submitBatch(alice, tar, key('k1'), swapped);
    expect([again.status, again.batch.id]).toEqual([200, batch.id]);
  });

  test('counts everything that was sent, also behind the end of a tar, and of a large body', async () => {
    const filler = Buffer.alloc(3 << 20);
    const tar = Buffer.concat([await tarOf([['a.png', await numberedImage(222)]]), filler]);
    const { status, batch } = await submitBatch(alice, tar, key('k2'));
    expect(status).toBe(202);
    expect(await submitBatch(alice, tar, key('k2'))).toMatchObject({ status: 200, batch: { id: batch.id } });
    const changed = Buffer.concat([tar.subarray(0, -1), Buffer.from('y')]);
    expect((await submitBatch(alice, changed, key('k2'))).status).toBe(409);
  });

  test('of a form compares its parts, not its boundary, also where a file was refused', async () => {
    const form = async (images: [string, Uint8Array][]) => {
      const data = new FormData();
      data.append('priority', 'low');
      for (const [name, bytes] of images) data.append('images', new Blob([new Uint8Array(bytes)]), name);
      const response = await ask(alice, 'POST', `/v1/batches?${OPTIONS}`, { body: data, headers: key('k3') });
      return { status: response.status, answer: (await response.json()) as { id?: string; code?: string } };
    };
    const junk = crypto.getRandomValues(new Uint8Array(60_000));
    const image = await numberedImage(223);
    const images: [string, Uint8Array][] = [
      ['junk.png', junk],
      ['a.png', image],
    ];
    const first = await form(images);
    expect(first.status).toBe(202);
    for (let i = 0; i < 3; i++)
      expect(await form(images)).toMatchObject({ status: 200, answer: { id: first.answer.id } });
    const changed = Uint8Array.from(junk);
    changed[50_000]! ^= 1;
    for (const other of [
      [images[0]!],
      [images[1]!, images[0]!],
      [images[0]!, ['b.png', image]],
      [['junk.png', changed], images[1]!],
    ] as [string, Uint8Array][][]) {
      expect(await form(other)).toMatchObject({ status: 409, answer: { code: 'idempotency-conflict' } });
    }
  });

  test('at the same time with two bodies is one batch, and one conflict', async () => {
    const tars = await Promise.all([230, 231].map(async (n) => tarOf([['a.png', await numberedImage(n)]])));
    const answers = await Promise.all(tars.map((tar) => submitBatch(alice, tar, key('k4'))));
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
  });

  test('of an empty body is as good as none', async () => {
    const refused = await submitBatch(alice, Buffer.alloc(0), key('k5'));
    expect(refused.batch.code).toBe('batch-empty');
    const { status } = await submitBatch(alice, await tarOf([['a.png', await numberedImage(240)]]), key('k5'));
    expect(status).toBe(202);
  });
});

describe('announcements', () => {
  type Owned = AnnouncedSet & { readonly owner?: string };

  test('go to whoever submitted, and all of them to an admin', async () => {
    const [hers, his, all] = await Promise.all(
      [alice, bob, boss].map(({ headers }) => EventClient.open(`${service.url}/v1/stream`, headers)),
    );
    try {
      const a = await submitJob(alice, 300);
      await finished(alice, `/v1/jobs/${a.id}`);
      const b = await submitJob(bob, 301);
      await finished(bob, `/v1/jobs/${b.id}`);
      // Lines of the batches above may still complete.
      const single = ({ sets }: EventClient) => (sets as Owned[]).filter(({ job }) => !job.id.includes('.'));
      await until(() => single(all!).length >= 2 && single(hers!).length >= 1 && single(his!).length >= 1);
      expect(single(hers!).map(({ job }) => job.id)).toEqual([a.id]);
      expect(single(his!).map(({ job }) => job.id)).toEqual([b.id]);
      expect(single(all!).map(({ job, owner }) => [job.id, owner])).toEqual([
        [a.id, 'alice'],
        [b.id, 'bob'],
      ]);
      // From the beginning as well.
      const later = await EventClient.open(`${service.url}/v1/stream?after=0`, bob.headers);
      expect((await later.heard(1)).every(({ owner }: Owned) => owner === 'bob')).toBe(true);
      later.close();
    } finally {
      for (const client of [hers, his, all]) client!.close();
    }
  });

  test('a group is its key’s: groups of one name do not meet', async () => {
    const join = (by: TestKey) =>
      EventClient.open(`${service.url}/v1/stream?group=g&consumer=c&prefetch=100`, by.headers);
    const [hers, his] = [await join(alice), await join(bob)];
    const names = async (by: TestKey) =>
      (await json<{ groups: { name: string; owner: string }[] }>(ask(by, 'GET', '/v1/stream/groups'))).groups.map(
        ({ name, owner }) => [owner, name],
      );
    try {
      const a = await submitJob(alice, 310);
      await until(() => hers.sets.some(({ job }) => job.id === a.id));
      const set = hers.sets.find(({ job }) => job.id === a.id);
      expect(await names(alice)).toEqual([['alice', 'g']]);
      expect(await names(bob)).toEqual([['bob', 'g']]);
      expect(await names(boss)).toEqual([
        ['alice', 'g'],
        ['bob', 'g'],
      ]);
      const ack = (by: TestKey, group: string) =>
        ask(by, 'POST', `/v1/stream/groups/${group}/ack`, {
          body: JSON.stringify({ ids: [set!.id] }),
          headers: { 'content-type': 'application/json' },
        });
      // His group has no such set; hers he cannot even name.
      expect(await json(ack(bob, 'g'))).toEqual({ acknowledged: 0 });
      expect((await ack(bob, encodeURIComponent('alice/g'))).status).toBe(400);
      expect(await json(ack(alice, 'g'))).toEqual({ acknowledged: 1 });
      expect(his.sets).toEqual([]);
      // Nobody superseded anybody.
      expect([hers.ended, his.ended]).toEqual([false, false]);
      expect(await statusOf(bob, 'DELETE', '/v1/stream/groups/g')).toBe(204);
      await until(() => his.ended);
      expect(hers.ended).toBe(false);
      expect(await statusOf(boss, 'DELETE', `/v1/stream/groups/${encodeURIComponent('alice/g')}`)).toBe(204);
      await until(() => hers.ended);
      expect(await names(boss)).toEqual([]);
    } finally {
      hers.close();
      his.close();
    }
  });
});
