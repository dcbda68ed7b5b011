import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readdir, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { zipBytes, type ZipMember } from '../support/zip-bytes.js';
import { BatchClient, numberedImage, OPTIONS, tarOf, type BatchView } from './support/batch-client.js';
import { type Problem } from './support/client.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

let redis: PrivateRedis;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let services: Service[] = [];
let client: BatchClient;
/** Never answers a request. */
let silent: Server;
let silentUrl: string;
const asked: ServerResponse[] = [];

beforeAll(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
  silent = createServer((_, response) => asked.push(response)).listen(0, '127.0.0.1');
  await until(() => silent.listening);
  silentUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
});

afterEach(async () => {
  silent.closeAllConnections();
  asked.length = 0;
  await Promise.all(services.map((service) => service.end('SIGKILL')));
  services = [];
});

afterAll(async () => {
  silent.closeAllConnections();
  silent.close();
  await redis.stop();
  await folder.remove();
});

/** Each test has queues of its own. */
async function start(role: 'api' | 'worker' | 'all', queue: string, env: Record<string, string> = {}) {
  const own = { REDIS_URL: redis.url, CAIRN_DATA_DIR: folder.path, CAIRN_QUEUE_PREFIX: queue };
  const service = await startService(role, { ...own, CAIRN_LOCK_DURATION_MS: '1000', ...env });
  services.push(service);
  if (role !== 'worker') client = new BatchClient(service.url);
  return service;
}

const manifest = (count: number, line: (i: number) => object) =>
  Buffer.from(Array.from({ length: count }, (_, i) => JSON.stringify(line(i))).join('\n'));

describe('bodies', () => {
  async function refused(body: Buffer): Promise<[number, string]> {
    const response = await client.postBatch(body);
    return [response.status, ((await response.json()) as Problem).code];
  }

  test('a zip that lies about where things are is the client’s to mend, and leaves nothing', async () => {
    await start('api', 'zips');
    const image: ZipMember = { name: 'a.png', data: await numberedImage(1), deflate: true };
    expect(await refused(zipBytes([{ ...image, at: 99_999_999 }]))).toEqual([400, 'request-malformed']);
    expect(await refused(zipBytes([image], { entryCount: 60_000 }))).toEqual([400, 'request-malformed']);
    const whole = zipBytes([image]);
    whole.writeUInt32LE(0xffff_fff0, whole.length - 6);
    expect(await refused(whole)).toEqual([400, 'request-malformed']);
    expect(await readdir(join(folder.path, 'batches'))).toEqual([]);
  });

  test('an entry of a zip that cannot be unpacked is one line that fails', async () => {
    await start('api', 'entries');
    const data = await numberedImage(2);
    const zip = zipBytes([
      { name: 'damaged.png', data: Buffer.from('no deflate'), deflate: false, method: 8 },
      { name: 'longer than it says.png', data, deflate: true, declaredSize: 5 },
      { name: 'good.png', data, deflate: true },
    ]);
    const { total, rejected } = await client.submitBatch(zip);
    expect([total, rejected.first.map(({ line, code }) => [line, code])]).toEqual([
      3,
      [
        [1, 'image-corrupt'],
        [2, 'image-corrupt'],
      ],
    ]);
  });

  test('what is wrong with lines is told in a sentence, however much of it they quote', async () => {
    await start('api', 'sentences');
    const body = manifest(100, (i) => ({ source: { url: silentUrl }, [`${i}${'x'.repeat(60_000)}`]: 1 }));
    const { rejected, id } = await client.submitBatch(body);
    expect(rejected.count).toBe(100);
    expect(rejected.first.every(({ message }) => message.length <= 500)).toBe(true);
    expect(JSON.stringify(await client.batch(id)).length).toBeLessThan(100_000);
  });

  test.each([
    ['a tar', async () => tarOf([['a.png', await numberedImage(3)]])],
    ['a zip that unpacks to more', () => zipBytes([{ name: 'a.png', data: Buffer.alloc(60_000), deflate: true }])],
    ['a manifest in gzip', () => gzipSync(manifest(2000, (i) => ({ source: { url: `${silentUrl}/${i}` } })))],
  ])('%s beyond the limit of a batch is refused, and leaves nothing', async (what, body) => {
    await start('api', `large-${what.length}`, { CAIRN_BATCH_MAX_BYTES: what === 'a tar' ? '1000' : '40000' });
    const kept = () => readdir(join(folder.path, 'batches')).catch(() => []);
    const before = await kept();
    expect(await refused(Buffer.from(await body()))).toEqual([413, 'batch-too-large']);
    expect(await kept()).toEqual(before);
  });

  test('a form beyond the limit of a batch is refused', async () => {
    await start('api', 'large-form', { CAIRN_BATCH_MAX_BYTES: '100000' });
    const form = new FormData();
    for (let i = 0; i < 3; i++) form.append('image', new Blob([Buffer.alloc(90_000, i)]), `${i}.png`);
    const response = await fetch(`${client.url}/v1/batches?${OPTIONS}`, { method: 'POST', body: form });
    expect([response.status, ((await response.json()) as Problem).code]).toEqual([413, 'batch-too-large']);
  });

  test('beyond the limit of open batches further ones are refused, until one has ended', async () => {
    await start('api', 'open', { CAIRN_MAX_BATCHES: '2' });
    const line = Buffer.from(JSON.stringify({ source: { url: silentUrl } }));
    const first = await client.submitBatch(line);
    await client.submitBatch(line);
    expect(await refused(line)).toEqual([429, 'queue-full']);
    await fetch(`${client.url}/v1/batches/${first.id}`, { method: 'DELETE' });
    await start('worker', 'open');
    await until(async () => (await client.postBatch(line)).status === 202);
  });

  test('empty lines do not make the number of a line as large as one likes', async () => {
    await start('api', 'numbers');
    const line = JSON.stringify({ source: { url: silentUrl } });
    const body = gzipSync(Buffer.concat([Buffer.alloc(10_000_000, '\n'), Buffer.from(line)]));
    expect(await refused(body)).toEqual([413, 'batch-too-large']);
  });
});

test('what is no id leads to no other key of Redis', async () => {
  await start('all', 'ids');
  const { id } = await client.submitBatch(Buffer.from('{}'));
  await client.finishBatch(id);
  for (const wrong of [`${id}:results`, `${id}:recorded`]) {
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/results'],
    ]) {
      const response = await fetch(`${client.url}/v1/batches/${wrong}${path}`, { method: method! });
      expect([wrong, method, response.status]).toEqual([wrong, method, 404]);
    }
  }
});

test('batches that are fed at once leave a single job its place', async () => {
  const limit = { CAIRN_QUEUE_LIMIT: '20' };
  await start('api', 'places', limit);
  const ids: string[] = [];
  for (let i = 0; i < 6; i++) {
    const body = manifest(100, (line) => ({ source: { url: `${silentUrl}/${i}/${line}` } }));
    ids.push((await client.submitBatch(body)).id);
  }
  await start('worker', 'places', { ...limit, CAIRN_CONCURRENCY: '1' });
  await until(() => asked.length > 0);
  await client.submit(await numberedImage(3), OPTIONS);
  for (const id of ids) await fetch(`${client.url}/v1/batches/${id}`, { method: 'DELETE' });
  for (const id of ids) {
    const { counts } = await client.finishBatch(id);
    expect(counts.cancelled).toBe(100);
  }
});

test('a line that kills every worker fails, and its batch goes on to the end', async () => {
  // What runs beside it dies with it.
  const alone = { CAIRN_CONCURRENCY: '1' };
  await start('api', 'poison');
  const sha256 = await client.keep(await numberedImage(4));
  const body = manifest(3, (i) => ({ source: i === 0 ? { url: silentUrl } : { sha256 }, name: `${i}` }));
  const { id } = await client.submitBatch(body);
  for (let deaths = 0; deaths < 3; deaths++) {
    const doomed = await start('worker', 'poison', alone);
    await until(() => asked.length > deaths);
    await doomed.end('SIGKILL');
  }
  await start('worker', 'poison', alone);
  const { state, counts } = await client.finishBatch(id);
  expect([state, counts.completed, counts.failed]).toEqual(['completed', 2, 1]);
  const [failed] = (await client.page(id, 'state=failed')).results;
  expect([failed?.line, failed?.error?.code]).toEqual([1, 'job-killed-worker']);
}, 90_000);

describe('a batch whose manifest is gone', () => {
  /** Of 600 lines, of which the first to run keep on running. */
  async function submit(): Promise<BatchView> {
    return client.submitBatch(manifest(600, (i) => ({ source: { url: `${silentUrl}/${i}` } })));
  }

  test('has failed, and what ends later does not count twice', async () => {
    await start('all', 'gone', { CAIRN_CONCURRENCY: '1' });
    const { id } = await submit();
    await until(() => asked.length > 0);
    await rm(join(folder.path, 'batches'), { recursive: true });
    const ended = await client.finishBatch(id);
    expect(ended).toMatchObject({ state: 'completed', counts: { failed: 600, completed: 0, queued: 0, active: 0 } });
    asked[0]!.end(await numberedImage(5));
    // The next line is asked for when the first has its outcome.
    await until(() => asked.length > 1);
    expect((await client.batch(id)).counts).toEqual(ended.counts);
  });

  test('is cancelled where it was', async () => {
    await start('api', 'cancelled');
    const { id } = await submit();
    await rm(join(folder.path, 'batches'), { recursive: true });
    await fetch(`${client.url}/v1/batches/${id}`, { method: 'DELETE' });
    await start('worker', 'cancelled');
    const { state, counts } = await client.finishBatch(id);
    expect([state, counts.cancelled]).toEqual(['cancelled', 600]);
  });
});
