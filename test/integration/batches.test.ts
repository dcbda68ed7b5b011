import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { zipBytes } from '../support/zip-bytes.js';
import { BatchClient, collect, numberedImage, OPTIONS, tarOf, type BatchView } from './support/batch-client.js';
import { fixture, parseSafetensors, type Problem } from './support/client.js';
import { until, type Service } from './support/service.js';
import { useSharedService } from './support/use-service.js';

const services = useSharedService({ env: { CAIRN_MAX_UPLOAD_BYTES: '500000' } });
let service: Service;
let client: BatchClient;
let images: Server;
let imagesUrl: string;

beforeAll(async () => {
  service = await services.start('all');
  client = new BatchClient(service.url);
  const tiny = await fixture('tiny.png');
  images = createServer((request, response) => {
    if (request.url === '/tiny.png') response.end(tiny);
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await until(() => images.listening);
  imagesUrl = `http://127.0.0.1:${(images.address() as AddressInfo).port}`;
});

afterAll(() => {
  images.closeAllConnections();
  images.close();
});

const zipOf = (members: readonly [string, Buffer][]) =>
  zipBytes(members.map(([name, data]) => ({ name, data, deflate: true })));

/** What batches have left in the store. */
const kept = () => readdir(join(services.data, 'batches')).catch(() => []);

describe('a manifest', () => {
  let batch: BatchView;
  let shas: string[];

  test('good, bad and remote lines are accepted; the bad ones are told by number', async () => {
    shas = [];
    for (let i = 0; i < 3; i++) shas.push(await client.keep(await numberedImage(i)));
    const lines = [
      JSON.stringify({ source: { sha256: shas[0] }, name: 'one' }),
      '{ not json',
      JSON.stringify({ source: { url: `${imagesUrl}/tiny.png` }, name: '../../three' }),
      '',
      JSON.stringify({ source: { sha256: 'ab'.repeat(32) } }),
      JSON.stringify({ source: { sha256: shas[1] }, colour: 'red' }),
      JSON.stringify({ source: { url: `${imagesUrl}/absent.png` } }),
      JSON.stringify({ source: { sha256: shas[2] }, levels: ['C4'], size: 128 }),
      JSON.stringify({ source: { sha256: shas[2], url: 'http://x/' } }),
      JSON.stringify({ source: { sha256: shas[2] }, name: 'x'.repeat(1025) }),
    ];
    const body = Buffer.concat([
      Buffer.from(`${lines.join('\r\n')}\n`),
      Buffer.from([0x7b, 0xff, 0xfe, 0x7d, 0x0a]),
      Buffer.from('x'.repeat(10_000_000)),
      Buffer.from(`\n${JSON.stringify({ source: { sha256: shas[1] }, name: 'last' })}`),
    ]);
    batch = await client.submitBatch(body);
    expect(batch).toMatchObject({ state: 'running', total: 12, rejected: { count: 7 } });
    expect(batch.rejected.first.map(({ line, code }) => [line, code])).toEqual([
      [2, 'request-malformed'],
      [5, 'image-missing'],
      [6, 'option-unknown'],
      [9, 'request-malformed'],
      [10, 'request-malformed'],
      [11, 'request-malformed'],
      [12, 'request-malformed'],
    ]);
  });

  test('every line has one outcome', async () => {
    const done = await client.finishBatch(batch.id);
    expect(done).toMatchObject({
      state: 'completed',
      counts: { queued: 0, active: 0, completed: 4, failed: 8, cancelled: 0 },
      etaSeconds: null,
      finishedAt: expect.any(String),
    });
    const results = await client.results(batch.id);
    expect(results.map(({ line }) => line).sort((a, b) => a - b)).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(new Set(results.map(({ cursor }) => cursor)).size).toBe(12);
    const byLine = new Map(results.map((result) => [result.line, result]));
    expect(byLine.get(3)).toMatchObject({ name: '../../three', state: 'completed' });
    expect(byLine.get(5)).toMatchObject({ state: 'failed', error: { code: 'image-missing' } });
    expect(byLine.get(7)).toMatchObject({ state: 'failed', error: { code: 'url-rejected' } });
    expect(byLine.get(13)).toMatchObject({ name: 'last', state: 'completed' });
    const eighth = await client.bytes(`${byLine.get(8)!.features!.href}.safetensors`);
    expect(parseSafetensors(eighth).header['C4']).toMatchObject({ shape: [8, 8, 256] });
  });

  test('results come in pages, by state, and as NDJSON', async () => {
    const all = await client.results(batch.id);
    const paged = [];
    for (let after: string | null = '0-0'; after !== null;) {
      const page = await client.page(batch.id, `limit=5&after=${after}`);
      paged.push(...page.results);
      after = page.next;
    }
    expect(paged).toEqual(all);
    const failed = await client.page(batch.id, 'state=failed');
    expect([failed.results.length, failed.next]).toEqual([8, null]);
    expect(await client.lines(batch.id, `follow=true&after=${all[8]!.cursor}`)).toEqual(all.slice(9));
    const bad = await client.get(`/v1/batches/${batch.id}/results?follow=true`);
    expect([bad.status, ((await bad.json()) as Problem).code]).toEqual([400, 'option-invalid']);
    for (const query of ['after=x', 'limit=0', 'limit=10001', 'state=odd', 'colour=red']) {
      expect((await client.get(`/v1/batches/${batch.id}/results?${query}`)).status).toBe(400);
    }
  });

  test('the jobs are gone from the queue, and a finished batch cannot be cancelled', async () => {
    const response = await fetch(`${service.url}/v1/batches/${batch.id}`, { method: 'DELETE' });
    expect([response.status, ((await response.json()) as Problem).code]).toEqual([409, 'batch-finished']);
    expect((await client.get(`/v1/jobs/${batch.id}.1`)).status).toBe(404);
    expect((await client.get('/v1/batches/none')).status).toBe(404);
    expect((await client.get('/v1/batches/none/results')).status).toBe(404);
    expect((await client.get('/v1/batches/none/features')).status).toBe(404);
  });
});

describe('archives of images', () => {
  const names = ['a/one.png', 'two.png', 'not.jpg'];
  let members: [string, Buffer][];

  beforeAll(async () => {
    const pictures = [await numberedImage(10), await numberedImage(11), await fixture('not-an-image.jpg')];
    members = names.map((name, i) => [name, pictures[i]!]);
  });

  async function expectThree(batch: BatchView, called = names): Promise<void> {
    expect(batch).toMatchObject({ total: 3, rejected: { count: 1, first: [{ line: 3, code: 'image-unsupported' }] } });
    expect(await client.finishBatch(batch.id)).toMatchObject({ counts: { completed: 2, failed: 1 } });
    const results = await client.results(batch.id);
    expect(results.toSorted((a, b) => a.line - b.line).map(({ name }) => name)).toEqual(called);
    expect((await kept()).filter((name) => name.endsWith('.zip'))).toEqual([]);
  }

  const untidy: [string, Buffer][] = [
    ['a/', Buffer.alloc(0)],
    ['__MACOSX/a/._one.png', Buffer.from('x')],
    ['a/.DS_Store', Buffer.from('x')],
  ];

  test('tar', async () => expectThree(await client.submitBatch(await tarOf([...untidy, ...members]))));
  test('tar in gzip', async () => expectThree(await client.submitBatch(gzipSync(await tarOf(members)))));
  test('manifest in gzip', async () => {
    const sha256 = await client.keep(members[0]![1]);
    const batch = await client.submitBatch(gzipSync(JSON.stringify({ source: { sha256 } })));
    expect(await client.finishBatch(batch.id)).toMatchObject({ total: 1, counts: { completed: 1 } });
  });
  test('zip', async () => expectThree(await client.submitBatch(zipOf([...untidy, ...members]))));

  test('a form of files', async () => {
    const form = new FormData();
    for (const [name, value] of new URLSearchParams(OPTIONS)) form.set(name, value);
    for (const [name, bytes] of members)
      form.append('images', new Blob([new Uint8Array(bytes)]), name.replace('a/', ''));
    const response = await fetch(`${service.url}/v1/batches`, { method: 'POST', body: form });
    expect(response.status).toBe(202);
    await expectThree((await response.json()) as BatchView, ['one.png', 'two.png', 'not.jpg']);
  });

  test('a link in a tar is a line that fails, and so is a member that is too large', async () => {
    const tar = pack();
    tar.entry({ name: 'link.png', type: 'symlink', linkname: '/etc/passwd' });
    tar.entry({ name: 'big.png' }, Buffer.alloc(600_000));
    tar.entry({ name: 'one.png' }, members[0]![1]);
    tar.finalize();
    const batch = await client.submitBatch(await collect(tar));
    expect(batch.rejected.first.map(({ line, code }) => [line, code])).toEqual([
      [1, 'image-unsupported'],
      [2, 'upload-too-large'],
    ]);
    expect(await client.finishBatch(batch.id)).toMatchObject({ counts: { completed: 1, failed: 2 } });
  });
});

describe('what is refused as a whole leaves nothing', () => {
  async function refused(body: Buffer, query = OPTIONS): Promise<[number, string]> {
    const before = await kept();
    const response = await client.postBatch(body, query);
    const { code } = (await response.json()) as Problem;
    expect(await kept()).toEqual(before);
    return [response.status, code];
  }

  test('no body, no lines, no members', async () => {
    expect(await refused(Buffer.alloc(0))).toEqual([400, 'batch-empty']);
    expect(await refused(Buffer.from('\n\n \n'))).toEqual([400, 'batch-empty']);
    expect(await refused(await tarOf([]))).toEqual([400, 'request-malformed']);
    expect(await refused(zipOf([]))).toEqual([400, 'batch-empty']);
  });

  test('an image, a tar that ends early, a zip without its end, a damaged gzip', async () => {
    const tar = await tarOf([['one.png', await numberedImage(1)]]);
    expect(await refused(await fixture('astronaut.jpg'))).toEqual([400, 'request-malformed']);
    expect(await refused(tar.subarray(0, 700))).toEqual([400, 'request-malformed']);
    const zip = zipOf([['one.png', await numberedImage(1)]]);
    expect(await refused(zip.subarray(0, zip.length - 30))).toEqual([400, 'request-malformed']);
    const gzip = gzipSync(tar);
    expect(await refused(gzip.subarray(0, gzip.length / 2))).toEqual([400, 'request-malformed']);
  });

  test('options that are wrong for every line', async () => {
    expect(await refused(Buffer.from('{}'), 'colour=red')).toEqual([400, 'option-unknown']);
    expect(await refused(Buffer.from('{}'), 'size=65')).toEqual([400, 'option-invalid']);
  });

  test('a tar and a manifest that were made to burst', async () => {
    const bomb = gzipSync(await tarOf([['zeros.png', Buffer.alloc(100 << 20)]]));
    expect(await refused(bomb)).toEqual([413, 'batch-too-large']);
    expect(await refused(gzipSync(Buffer.alloc(100 << 20, 'x')))).toEqual([413, 'batch-too-large']);
  });

  test('a client that breaks off', async () => {
    const before = await kept();
    const { port } = new URL(service.url);
    const socket = connect(Number(port), '127.0.0.1');
    const line = `${JSON.stringify({ source: { url: `${imagesUrl}/tiny.png` } })}\n`;
    socket.write(
      `POST /v1/batches HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: broken\r\nContent-Length: 1000000\r\n\r\n`,
    );
    socket.write(line.repeat(100));
    await until(async () => (await kept()).length > before.length);
    socket.destroy();
    await until(async () => (await kept()).length === before.length);
    const id = createHash('sha256').update('broken').digest('hex').slice(0, 32);
    expect((await client.get(`/v1/batches/${id}`)).status).toBe(404);
  });
});

test('only bad lines: accepted, and finished at once', async () => {
  const batch = await client.submitBatch(Buffer.from('x\ny\n'));
  expect(await client.finishBatch(batch.id)).toMatchObject({ state: 'completed', counts: { failed: 2 } });
});

test('the same key with the same body is the same batch; with another it is a conflict', async () => {
  const sha256 = await client.keep(await numberedImage(20));
  const body = Buffer.from(JSON.stringify({ source: { sha256 } }));
  const headers = { 'idempotency-key': 'twenty' };
  const first = await client.postBatch(body, OPTIONS, headers);
  const again = await client.postBatch(body, OPTIONS, headers);
  expect([first.status, again.status]).toEqual([202, 200]);
  const other = await client.postBatch(Buffer.from('{ something else'), OPTIONS, headers);
  expect([other.status, await other.json()]).toEqual([409, expect.objectContaining({ code: 'idempotency-conflict' })]);
  const [one, two] = [(await first.json()) as BatchView, (await again.json()) as BatchView];
  expect([two.id, two.total, two.rejected.count]).toEqual([one.id, 1, 0]);
  expect(first.headers.get('location')).toBe(`/v1/batches/${one.id}`);
  await client.finishBatch(one.id);
});

test('two requests with one key at once make one batch', async () => {
  const sha256 = await client.keep(await numberedImage(21));
  const body = Buffer.from(JSON.stringify({ source: { sha256 } }));
  const before = (await kept()).length;
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => client.postBatch(body, OPTIONS, { 'idempotency-key': 'at once' })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 202]);
  const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as BatchView).id));
  expect(new Set(ids).size).toBe(1);
  expect((await kept()).length).toBe(before + 1);
  expect(await client.finishBatch(ids[0]!)).toMatchObject({ total: 1, counts: { completed: 1 } });
});

describe('images by digest', () => {
  test('an image is kept once and found by its digest; jobs may name it', async () => {
    const image = await numberedImage(30);
    const sha256 = createHash('sha256').update(image).digest('hex');
    const head = () => fetch(`${service.url}/v1/images/${sha256}`, { method: 'HEAD' });
    expect((await head()).status).toBe(404);
    expect(await client.keep(image)).toBe(sha256);
    expect((await head()).status).toBe(200);
    expect((await head()).headers.get('content-length')).toBe(String(image.length));
    const body = JSON.stringify({ source: { sha256 }, size: 64, model: 'mask-rcnn-resnet18' });
    const json = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
    expect((await fetch(`${service.url}/v1/jobs`, json)).status).toBe(202);
    const unknown = { ...json, body: body.replace(sha256, 'ab'.repeat(32)) };
    const response = await fetch(`${service.url}/v1/jobs`, unknown);
    expect([response.status, ((await response.json()) as Problem).code]).toEqual([400, 'image-missing']);
  });

  test.each([
    ['not-an-image.jpg', 415, 'image-unsupported'],
    ['empty.jpg', 400, 'image-empty'],
  ])('%s is refused', async (name, status, code) => {
    const body = new Uint8Array(await fixture(name));
    const response = await fetch(`${service.url}/v1/images`, { method: 'POST', body });
    expect([response.status, ((await response.json()) as Problem).code]).toEqual([status, code]);
    expect((await fetch(`${service.url}/v1/images/../x`, { method: 'HEAD' })).status).toBe(404);
  });
});

test('a batch that runs can be cancelled: what has not run does not', async () => {
  const image = await numberedImage(40);
  const sha256 = await client.keep(image);
  const lines = Array.from({ length: 2000 }, (_, i) =>
    // Each asks for features of its own.
    JSON.stringify({ source: { sha256 }, size: 512 + 32 * (i % 48), dtype: i % 2 ? 'float16' : 'float32' }),
  );
  const batch = await client.submitBatch(Buffer.from(lines.join('\n')));
  await until(async () => (await client.batch(batch.id)).counts.completed > 0);
  const cancel = () => fetch(`${service.url}/v1/batches/${batch.id}`, { method: 'DELETE' });
  expect(await (await cancel()).json()).toMatchObject({ state: 'cancelled' });
  expect((await cancel()).status).toBe(200);
  const done = await client.finishBatch(batch.id);
  expect(done.state).toBe('cancelled');
  expect(done.counts.cancelled).toBeGreaterThan(1000);
  expect(done.counts.completed + done.counts.cancelled).toBe(2000);
  const results = await client.lines(batch.id, 'follow=true');
  expect(new Set(results.map(({ line }) => line)).size).toBe(2000);
  // What still ran when the batch was finished has ended without being counted again.
  await until(async () => (await (await client.get('/metrics')).text()).includes('cairn_jobs{state="active"} 0'));
  expect((await client.batch(batch.id)).counts).toEqual(done.counts);
  const waiting = await fetch(`${service.url}/v1/jobs/${batch.id}.2000`);
  expect(waiting.status).toBe(404);
});
