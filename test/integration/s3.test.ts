import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import ZipFileStore from '@zarrita/storage/zip';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { extract } from 'tar-stream';
import * as zarr from 'zarrita';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { makeClient } from '../../src/features/store/s3/s3-client.js';
import { S3Store } from '../../src/features/store/s3/s3-store.js';
import { runCli } from '../e2e/support/run-cli.js';
import { chunksOf } from '../support/chunks.js';
import { startFaultProxy, type FaultProxy } from '../support/s3/fault-proxy.js';
import { S3_SERVER, type S3Server } from '../support/s3/s3-servers.js';
import { BatchClient, collect, numberedImage, OPTIONS, tarOf } from './support/batch-client.js';
import { parseSafetensors, type Job } from './support/client.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

/** Zarrita reads no float16 on Node 20. */
const READABLE = `${OPTIONS}&dtype=float32`;

/** An API and a worker that share nothing but Redis and a bucket; clients see S3 under another name. */
let server: S3Server;
let redis: PrivateRedis;
let publicS3: FaultProxy;
let privateS3: FaultProxy;
let folders: Awaited<ReturnType<typeof temporaryFolder>>[];
let api: Service;
let redirecting: Service;
let worker: Service;
let client: BatchClient;
let env: Record<string, string>;

beforeAll(async () => {
  [server, redis] = await Promise.all([S3_SERVER.start(), startPrivateRedis()]);
  publicS3 = await startFaultProxy(server.settings.endpoint!);
  privateS3 = await startFaultProxy(server.settings.endpoint!);
  folders = await Promise.all([1, 2, 3].map(temporaryFolder));
  env = {
    ...server.credentials,
    REDIS_URL: redis.url,
    CAIRN_STORE: `s3://${server.settings.bucket}/cairn/main`,
    CAIRN_S3_ENDPOINT: privateS3.url,
  };
  const redirect = { CAIRN_STORE_REDIRECT: 'true', CAIRN_S3_PUBLIC_ENDPOINT: publicS3.url };
  api = await startService('api', { ...env, CAIRN_DATA_DIR: folders[0]!.path });
  redirecting = await startService('api', { ...env, ...redirect, CAIRN_DATA_DIR: folders[1]!.path });
  worker = await startService('worker', { ...env, CAIRN_DATA_DIR: folders[2]!.path });
  client = new BatchClient(api.url);
});

afterAll(async () => {
  const statuses = await Promise.all([api, redirecting, worker].map((service) => service.end()));
  const left = await Promise.all(folders.map(({ path }) => readdir(path)));
  await Promise.all([redis.stop(), server.stop(), publicS3.close(), privateS3.close()]);
  await Promise.all(folders.map((folder) => folder.remove()));
  expect(statuses).toEqual([0, 0, 0]);
  // Nothing was kept in a folder.
  expect(left).toEqual([[], [], []]);
});

/** Everything that a server sends for one request, without what a redirect leads to. */
async function bytesOnTheWire(url: string): Promise<number> {
  const request = get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  await response.resume().toArray();
  return response.socket.bytesRead;
}

async function made(number: number, query = OPTIONS): Promise<string> {
  const response = await client.post(query, new Uint8Array(await numberedImage(number)), {
    'content-type': 'image/png',
  });
  const { id } = (await response.json()) as Job;
  return (await client.finish(id)).features!.id;
}

test('a job, its levels, a window, an entry and regions of it', async () => {
  const id = await made(1, READABLE);
  const { header } = parseSafetensors(await client.bytes(`/v1/features/${id}.safetensors?levels=C4`));
  expect(header['C4']!.shape).toEqual([4, 4, 256]);
  const archive = await client.bytes(`/v1/features/${id}.zarr.zip`);
  const tail = await client.bytes(`/v1/features/${id}.zarr.zip`, { range: 'bytes=-100' });
  expect(tail.equals(archive.subarray(-100))).toBe(true);
  const array = await zarr.open.v3(zarr.root(new zarr.FetchStore(`${api.url}/v1/features/${id}.zarr`)).resolve('C5'), {
    kind: 'array',
  });
  expect(array.shape).toEqual([2, 2, 512]);
  const response = await fetch(`${api.url}/v1/features/${id}/roi-align`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ boxes: [[0, 0, 32, 32]], levels: ['C4'] }),
  });
  expect(response.status).toBe(200);
  expect(parseSafetensors(Buffer.from(await response.arrayBuffer())).header['regions']!.shape).toEqual([1, 7, 7, 256]);
});

test('an image that is named by its digest, and the levels in the answer', async () => {
  const sha256 = await client.keep(await numberedImage(2));
  const response = await fetch(`${api.url}/v1/extract?${OPTIONS}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ source: { sha256 } }),
  });
  expect(response.status).toBe(200);
  expect(Object.keys(parseSafetensors(Buffer.from(await response.arrayBuffer())).header)).toEqual(
    expect.arrayContaining(['C4', 'C5']),
  );
});

test('a batch, and its features in one stream', async () => {
  const images = await Promise.all([11, 12, 13, 14].map(async (i) => [`${i}.png`, await numberedImage(i)] as const));
  const batch = await client.submitBatch(await tarOf(images));
  const tar = extract();
  tar.end(await client.bytes(`/v1/batches/${batch.id}/features`));
  const names: string[] = [];
  for await (const member of tar) {
    names.push(member.header.name);
    await collect(member);
  }
  expect(names).toHaveLength(8);
  expect((await client.finishBatch(batch.id)).counts).toMatchObject({ completed: 4, failed: 0 });
});

test('archives come from the store itself where that is asked for, and zarrita reads them by ranges', async () => {
  const id = await made(3, READABLE.replace('size=64', 'size=256'));
  const expected = parseSafetensors(await client.bytes(`/v1/features/${id}.safetensors?levels=C4`));
  const path = `${redirecting.url}/v1/features/${id}.zarr.zip`;
  const answer = await fetch(path, { redirect: 'manual' });
  // The answers alone, with their headers.
  expect(await bytesOnTheWire(path)).toBeLessThan(2500);
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([307, 'no-store']);
  expect(answer.headers.get('location')).toMatch(new RegExp(`^${publicS3.url}/.*X-Amz-Signature=`));
  const followed = await fetch(path);
  expect(followed.headers.get('content-type')).toBe('application/zip');
  expect(followed.headers.get('content-disposition')).toContain(`${id}.zarr.zip`);
  const archive = await client.bytes(`/v1/features/${id}.zarr.zip`);
  expect(await bytesOnTheWire(`${api.url}/v1/features/${id}.zarr.zip`)).toBeGreaterThan(archive.length);
  expect(Buffer.from(await followed.arrayBuffer()).equals(archive)).toBe(true);
  // Its answer has no bytes to save, and a signature is for one method.
  const head = await fetch(path, { method: 'HEAD', redirect: 'manual' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(archive.length)]);

  const [before, fromApi] = [publicS3.bytes, privateS3.bytes];
  const array = await zarr.open.v3(zarr.root(ZipFileStore.fromUrl(path)).resolve('C4'), { kind: 'array' });
  const { data, shape } = await zarr.get(array);
  expect(shape).toEqual([16, 16, 256]);
  const values = Float32Array.from(data as ArrayLike<number>, Number);
  expect(Buffer.from(values.buffer).equals(expected.data)).toBe(true);
  // The API has read the directory of the archive, for HEAD.
  expect(privateS3.bytes - fromApi).toBeLessThan(publicS3.bytes - before);

  expect((await fetch(path.replace(id, 'f'.repeat(64)), { redirect: 'manual' })).status).toBe(404);
});

test('cairn verify reads the store, and moves what is damaged to the quarantine; it is made anew', async () => {
  const id = await made(4);
  const { bucket } = server.settings;
  const own = makeClient({ ...server.settings, endpoint: privateS3.url });
  const store = new S3Store({ ...server.settings, prefix: 'cairn/main' }, own);
  const object = (await store.open(`features/${id}.zarr.zip`))!;
  const bytes = await object.read(0, object.size);
  bytes[300]! ^= 1;
  await store.put(`features/${id}.zarr.zip`, chunksOf(bytes));
  const cli = { env: { PATH: process.env['PATH'], ...env } };
  const found = await runCli(['verify'], cli);
  expect([found.status, found.stdout]).toEqual([1, expect.stringContaining(`features/${id}.zarr.zip: `)]);
  const repaired = await runCli(['verify', '--repair'], cli);
  expect([repaired.status, repaired.stdout]).toEqual([0, expect.stringContaining('moved to the quarantine')]);
  expect((await client.get(`/v1/features/${id}`)).status).toBe(410);
  const Prefix = 'cairn/main/quarantine/features/';
  const { KeyCount } = await own.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }));
  expect(KeyCount).toBe(1);
  own.destroy();
  expect(await made(4)).toBe(id);
  expect((await client.get(`/v1/features/${id}`)).status).toBe(200);
});

test('while S3 is away, readiness says so and jobs wait; then they are done', async () => {
  privateS3.choose = () => ({ kind: 'status', status: 503, code: 'SlowDown' });
  await until(async () => (await client.get('/readyz')).status === 503);
  const refused = await client.post(OPTIONS, new Uint8Array(await numberedImage(5)), { 'content-type': 'image/png' });
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([503, 'store-unavailable']);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  await until(() => worker.log().includes('no jobs are taken until the store can be used again'));
  privateS3.choose = undefined;
  await until(async () => (await client.get('/readyz')).status === 200);
  expect(await made(5)).toMatch(/^[0-9a-f]{64}$/);
});
