import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { makeClient } from '../../../../../src/features/store/s3/s3-client.js';
import { S3Store } from '../../../../../src/features/store/s3/s3-store.js';
import { StoreHealth, type StoreRole } from '../../../../../src/features/store/store-health.js';
import { chunksOf } from '../../../../support/chunks.js';
import { startFaultProxy } from '../../../../support/s3/fault-proxy.js';
import { limitContainer, S3_SERVER, S3RVER, SWIFT, type S3Server } from '../../../../support/s3/s3-servers.js';

let server: S3Server;
let client: S3Client;
let prefix: string;
let lines: string[];
let number = 0;
const unavailable = { code: 'store-unavailable' };

beforeAll(async () => {
  server = await S3_SERVER.start();
  client = makeClient(server.settings);
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});
beforeEach(() => {
  prefix = `health/${++number}`;
  lines = [];
});

const makeStore = (settings: object = {}, options: object = { seenMs: 0, settleMs: 0 }) =>
  new S3Store({ ...server.settings, prefix, ...settings }, client, options);

function healthOf(store: S3Store, role: StoreRole): StoreHealth {
  const log = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(`WARN ${line}`) };
  return new StoreHealth(store, { role, log, everyMs: 0, withinMs: 30_000 });
}

test('a server makes its prefix a store, once, though several start together; a worker waits for that', async () => {
  const worker = healthOf(makeStore(), 'user');
  expect(await worker.problem()).toMatchObject(unavailable);
  expect(lines).toEqual([expect.stringMatching(/^WARN .*no server has made its bucket and prefix a store yet/)]);
  const servers = [1, 2, 3].map(() => healthOf(makeStore({}, {}), 'owner'));
  for (const problem of await Promise.all(servers.map((each) => each.problem()))) expect(problem).toBeUndefined();
  expect(new Set(servers.map(({ storeId }) => storeId)).size).toBe(1);
  expect(await worker.problem()).toBeUndefined();
  expect([worker.storeId, lines.at(-1)]).toEqual([servers[0]!.storeId, 'the store can be used again']);
});

describe('a store that is gone', () => {
  const marker = () => ({ Bucket: server.settings.bucket, Key: `${prefix}/.cairn-store` });

  test.each([
    ['its marker is missing', () => client.send(new DeleteObjectCommand(marker()))],
    [
      'another store is in its place',
      () => client.send(new PutObjectCommand({ ...marker(), Body: JSON.stringify({ id: randomUUID() }) })),
    ],
    ['its marker is damaged', () => client.send(new PutObjectCommand({ ...marker(), Body: '{' }))],
  ])('%s: nothing counts as absent, and nothing is written', async (_, replace) => {
    const store = makeStore();
    const health = healthOf(store, 'owner');
    await health.demand();
    await replace();
    await expect(health.demand()).rejects.toMatchObject(unavailable);
    await expect(store.open('images/object')).rejects.toMatchObject(unavailable);
    await expect(store.has('images/object')).rejects.toMatchObject(unavailable);
    await expect(store.renew('images/object')).rejects.toMatchObject(unavailable);
    await expect(store.put('images/object', chunksOf('x'))).rejects.toMatchObject(unavailable);
    await client.send(new PutObjectCommand({ ...marker(), Body: JSON.stringify({ id: health.storeId }) }));
    expect(await health.problem()).toBeUndefined();
    expect(await store.has('images/object')).toBe(false);
  });

  test('a bucket that is missing', async () => {
    const store = makeStore({ bucket: 'no-such-bucket' });
    await expect(healthOf(store, 'owner').demand()).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('bucket is missing'),
    });
  });

  test('credentials that are refused', async () => {
    const refused = makeClient(server.settings);
    refused.config.credentials = () => Promise.resolve({ accessKeyId: 'nobody:here', secretAccessKey: 'x' });
    const store = new S3Store({ ...server.settings, prefix }, refused);
    await expect(store.identify('owner')).rejects.toMatchObject(unavailable);
    refused.destroy();
  });
});

test('a probe writes only where nothing was written for a while', async () => {
  const proxy = await startFaultProxy(server.settings.endpoint!);
  const own = makeClient({ ...server.settings, endpoint: proxy.url });
  const store = new S3Store({ ...server.settings, prefix }, own, { settleMs: 0 });
  await store.identify('owner');
  const writes = () => proxy.seen.filter(({ method, url }) => method === 'PUT' && url.includes('.probe')).length;
  for (let i = 0; i < 3; i++) await store.probe();
  expect(writes()).toBe(1);
  proxy.choose = ({ method, url }) =>
    method === 'PUT' && url.includes('object') ? { kind: 'status', status: 403, code: 'AccessDenied' } : undefined;
  await expect(store.put('object', chunksOf('x'))).rejects.toMatchObject(unavailable);
  await store.probe();
  expect(writes()).toBe(2);
  own.destroy();
  await proxy.close();
});

test('parts of an upload whose writer died are given up after a day, those of one that writes are not', async () => {
  const { bucket: Bucket } = server.settings;
  const at = (Key: string) => ({ Bucket, Key: `${prefix}/${Key}` });
  for (const key of ['features/dead', 'features/alive']) await client.send(new CreateMultipartUploadCommand(at(key)));
  const list = async () =>
    (await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: `${prefix}/` }))).Uploads?.map(
      ({ Key }) => Key,
    );
  if (S3_SERVER === S3RVER) return;
  expect(await list()).toHaveLength(2);
  const own = makeClient(server.settings);
  own.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { Uploads = [] } = result.output as { Uploads?: { Key: string; Initiated: Date }[] };
      for (const each of Uploads) {
        if (each.Key.endsWith('dead')) each.Initiated = new Date(each.Initiated.getTime() - 25 * 3600_000);
      }
      return result;
    },
    { step: 'initialize' },
  );
  await new S3Store({ ...server.settings, prefix }, own).sweep('features', Infinity);
  own.destroy();
  expect(await list()).toEqual([`${prefix}/features/alive`]);
});

const onSwift = SWIFT.missing === undefined ? test : test.skip;
onSwift('a quota that is used up is store-full, and leaves nothing', async () => {
  const bucket = `full-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const store = makeStore({ bucket });
  await store.identify('owner');
  await limitContainer(server, bucket, 4000);
  await store.put('small', chunksOf('x'));
  const full = { code: 'store-full' };
  await expect(store.put('object', chunksOf(Buffer.alloc(5000)))).rejects.toMatchObject(full);
  await expect(store.putByDigest('images', chunksOf(Buffer.alloc(5000)), 1e9)).rejects.toMatchObject(full);
  expect(await store.has('object')).toBe(false);
});

// No server that can be had here has conditions: the proxy answers as AWS does.
test('a server with conditions is asked to write an object only where there is none', async () => {
  const rver = await S3RVER.start();
  const proxy = await startFaultProxy(rver.settings.endpoint!);
  const own = makeClient({ ...rver.settings, endpoint: proxy.url });
  const there = new Set<string>();
  proxy.choose = ({ method, url, headers }) => {
    const [path = ''] = url.split('?');
    const ends = method === 'POST' ? url.includes('uploadId=') : method === 'PUT' && !url.includes('partNumber=');
    if (!ends) return undefined;
    if (headers['if-none-match'] === '*' && there.has(path)) {
      return { kind: 'status', status: 412, code: 'PreconditionFailed' };
    }
    there.add(path);
    return undefined;
  };
  const store = new S3Store({ ...rver.settings, prefix }, own, { settleMs: 0 });
  await store.identify('owner');
  const large = Buffer.alloc(9 << 20, 1);
  for (const [key, first, second] of [
    ['small', Buffer.from('one'), Buffer.from('other')],
    ['large', large, Buffer.concat([large, Buffer.from('x')])],
  ] as const) {
    expect(await store.add(key, chunksOf(first))).toEqual({ size: first.length });
    const looks = proxy.seen.filter(({ method }) => method === 'HEAD').length;
    expect(await store.add(key, chunksOf(second))).toEqual({ size: second.length });
    expect(proxy.seen.filter(({ method }) => method === 'HEAD')).toHaveLength(looks);
    const object = (await store.open(key))!;
    expect((await object.read(0, object.size)).equals(first)).toBe(true);
  }
  own.destroy();
  await proxy.close();
  await rver.stop();
  Object.assign(process.env, server.credentials);
});
