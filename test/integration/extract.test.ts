import { Decoder } from '@toondepauw/node-zstd';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { request, type IncomingMessage } from 'node:http';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { collect } from '../support/chunks.js';
import { openFilesBelow } from '../support/open-files.js';
import { parseSafetensors } from '../support/safetensors-bytes.js';
import { Client, fixture, type Problem } from './support/client.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

const QUESTION = 'model=mask-rcnn-resnet18&size=128&levels=P2,P4,C5';
/** 21 MiB: more than the buffers between two processes hold. */
const LARGE = 'model=mask-rcnn-resnet18&size=512&levels=P2,P3,P4,P5,P6&dtype=float32';

let redis: PrivateRedis;
let service: Service;
let client: Client;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let image: Buffer;

beforeAll(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
  service = await startService('all', { REDIS_URL: redis.url, CAIRN_DATA_DIR: folder.path });
  client = new Client(service.url);
  image = await fixture('astronaut.jpg');
});

afterAll(async () => {
  expect(await service.end()).toBe(0);
  await redis.stop();
  await folder.remove();
});

function ask(query: string, init: RequestInit = {}, url = service.url): Promise<Response> {
  const headers = { 'content-type': 'image/jpeg', ...(init.headers as Record<string, string>) };
  return fetch(`${url}/v1/extract?${query}`, { method: 'POST', body: new Uint8Array(image), ...init, headers });
}

async function refused(response: Response): Promise<[number, string]> {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(response.headers.get('content-location')).toBeNull();
  return [response.status, ((await response.json()) as Problem).code];
}

/** An answer that is not read yet. */
function begin(query: string, more: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'image/jpeg', 'content-length': String(image.length), ...more };
    const asked = request(`${service.url}/v1/extract?${query}`, { method: 'POST', headers, agent: false }, resolve);
    asked.once('error', reject).end(image);
  });
}

const allClosed = () =>
  until(
    () => openFilesBelow(folder.path, service.process.pid).length === 0,
    10_000,
    () => `open: ${openFilesBelow(folder.path, service.process.pid).join()}`,
  );

describe('the levels of an image in one answer', () => {
  test('are what the feature set says, made first and from the store then', async () => {
    const first = await ask(QUESTION);
    expect([first.status, first.headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
    const bytes = Buffer.from(await first.arrayBuffer());
    expect(first.headers.get('content-length')).toBe(String(bytes.length));
    expect(parseSafetensors(bytes).tensors.get('P2')).toMatchObject({ dtype: 'F16', shape: [32, 32, 256] });
    expect((await client.bytes(first.headers.get('content-location')!)).equals(bytes)).toBe(true);

    const again = await ask(QUESTION);
    expect(again.headers.get('content-location')).toBe(first.headers.get('content-location'));
    expect(Buffer.from(await again.arrayBuffer()).equals(bytes)).toBe(true);
    await allClosed();
  });

  test('come coarse level first, and as zstd, where the client wants that', async () => {
    const names = async (response: Response) =>
      [...parseSafetensors(Buffer.from(await response.arrayBuffer())).tensors.keys()].join();
    expect(await names(await ask(QUESTION))).toBe('C5,P2,P4');
    expect(await names(await ask(`${QUESTION}&order=coarse-first`))).toBe('C5,P4,P2');

    // Not by fetch, which from Node 24 on decodes zstd of itself.
    const compressed = await begin(`${QUESTION}&order=coarse-first`, { 'accept-encoding': 'zstd' });
    expect(compressed.headers['content-encoding']).toBe('zstd');
    const plain = await new Decoder().decode(await collect(compressed));
    expect([...parseSafetensors(plain).tensors.keys()].join()).toBe('C5,P4,P2');
  });

  test('an address is fetched, a form is read', async () => {
    const form = new FormData();
    form.set('levels', 'C4');
    form.set('file', new Blob([new Uint8Array(image)]));
    const response = await fetch(`${service.url}/v1/extract?model=mask-rcnn-resnet18&size=128`, {
      method: 'POST',
      body: form,
    });
    expect(parseSafetensors(Buffer.from(await response.arrayBuffer())).tensors.size).toBe(1);
    const body = JSON.stringify({ source: { url: 'http://127.0.0.1:1/x.jpg' }, priority: 'low' });
    // An address that does not answer is retried; a waiting client may leave.
    const signal = AbortSignal.timeout(500);
    const waiting = ask('size=128', { body, headers: { 'content-type': 'application/json' }, signal });
    await expect(waiting).rejects.toThrow(/timeout/);
  });
});

describe('what cannot be answered', () => {
  test.each([
    ['an order that there is not', 'order=random', 400, 'option-invalid'],
    ['an option that there is not', 'level=C2', 400, 'option-unknown'],
    ['a level that there is not', 'levels=C9', 400, 'level-unknown'],
    ['a level without its stage', 'levels=C5&stage5=false', 400, 'level-absent'],
  ])('%s is refused before the image is taken', async (_, query, status, code) => {
    expect(await refused(await ask(query))).toEqual([status, code]);
  });

  test('an image that breaks off has the code of its failed job', async () => {
    const half = new Uint8Array(image.subarray(0, image.length / 2));
    expect(await refused(await ask(QUESTION, { body: half }))).toEqual([422, 'image-corrupt']);
    const text = new TextEncoder().encode('no image');
    expect(await refused(await ask(QUESTION, { body: text }))).toEqual([415, 'image-unsupported']);
  });
});

describe('clients that go away', () => {
  test('take their jobs with them', async () => {
    const prefix = 'alone';
    const api = await startService('api', {
      REDIS_URL: redis.url,
      CAIRN_DATA_DIR: folder.path,
      CAIRN_QUEUE_PREFIX: prefix,
    });
    const connection = new Redis(redis.url);
    try {
      const leave = new AbortController();
      const answer = ask(`${QUESTION}&dtype=float32`, { signal: leave.signal }, api.url).catch(() => 'left');
      await until(async () => (await connection.zcard(`${prefix}:extract:prioritized`)) === 1);
      const [id] = await connection.zrange(`${prefix}:extract:prioritized`, '0', '-1');
      leave.abort();
      expect(await answer).toBe('left');
      const state = async () =>
        ((await (await fetch(`${api.url}/v1/jobs/${id}`)).json()) as { state: string }).state === 'cancelled';
      await until(state, 5000, () => `job ${id} is not cancelled`);
    } finally {
      connection.disconnect();
      expect(await api.end()).toBe(0);
    }
  });

  test('in the middle of their answers leave nothing behind', async () => {
    await (await ask(LARGE)).arrayBuffer();
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => begin(LARGE)));
      expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(20).fill(200));
      for (const answer of answers) answer.destroy();
    }
    await allClosed();
    expect((await fetch(`${service.url}/livez`)).status).toBe(200);
  });
});
