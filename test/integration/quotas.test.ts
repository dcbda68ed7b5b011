import { beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from 'node:net';
import { join } from 'node:path';
import { numberedImage, OPTIONS } from './support/batch-client.js';
import type { Job } from './support/client.js';
import { testKey, writeKeys, type TestKey } from './support/key-file.js';
import { until, type Service } from './support/service.js';
import { useSharedService } from './support/use-service.js';

const often = testKey('often', 'read,submit requests-per-second=3');
const few = testKey('few', 'read,submit jobs=2');
const small = testKey('small', 'read,submit bytes-per-day=5000');
const chunked = testKey('chunked', 'read,submit bytes-per-day=3000000');
const free = testKey('free', 'read,submit');
const both = testKey('both', 'read,submit requests-per-second=1000 bytes-per-day=1000000');

const services = useSharedService({ env: { CAIRN_THREADS: '1' } });
let file: string;
let api: Service;
let other: Service;

beforeAll(async () => {
  file = join(services.data, '..', 'keys');
  await writeKeys(file, [often, few, small, chunked, free, both]);
  // No worker: jobs wait.
  [api, other] = [await start(), await start()];
});

const start = (env: Record<string, string> = {}) => services.start('api', { CAIRN_API_KEYS_FILE: file, ...env });

function ask(by: TestKey, path: string, init: RequestInit = {}, service = api): Promise<Response> {
  return fetch(service.url + path, { ...init, headers: { ...by.headers, ...(init.headers as object) } });
}

const submit = async (by: TestKey, number: number, service = api) =>
  ask(by, `/v1/jobs?${OPTIONS}`, { method: 'POST', body: new Uint8Array(await numberedImage(number)) }, service);
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;

describe('requests per second', () => {
  test('beyond those of the key are refused, by all servers together, and others are not', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask(often, '/v1/models', {}, i % 2 === 0 ? api : other)),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length + answers.filter(({ status }) => status === 200).length).toBe(40);
    for (const response of refused) {
      expect(response.headers.get('retry-after')).toBe('1');
      expect(response.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=1');
      expect(response.headers.get('ratelimit')).toBe('"requests";r=0;t=1');
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(await codeOf(response)).toBe('rate-limited');
    }
    expect((await ask(free, '/v1/models')).status).toBe(200);
    await until(async () => (await ask(often, '/v1/models')).status === 200);
  });

  test('are told with every response, and in the form of the protocol below /v2', async () => {
    let response = await ask(often, '/v2');
    expect(response.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=1');
    await until(async () => (response = await ask(often, '/v2')).status === 429);
    expect(await response.json()).toEqual({ code: 'rate-limited', error: expect.any(String) });
  });

  test('are not counted for health, nor for keys without a limit', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(often, '/livez')));
    expect(answers.every(({ status, headers }) => status === 200 && !headers.has('ratelimit'))).toBe(true);
    expect((await ask(free, '/v1/models')).headers.has('ratelimit')).toBe(false);
  });
});

describe('jobs', () => {
  test('beyond those of the key wait for others to end', async () => {
    const [first, second] = [await submit(few, 1), await submit(few, 2, other)];
    expect([first.status, second.status]).toEqual([202, 202]);
    const third = await submit(few, 3);
    expect([third.status, third.headers.get('retry-after'), await codeOf(third)]).toEqual([429, '2', 'quota-exceeded']);
    expect((await submit(free, 4)).status).toBe(202);
    // A waiting job that is cancelled leaves its place.
    const { id } = (await first.json()) as Job;
    expect((await ask(few, `/v1/jobs/${id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await submit(few, 5)).status).toBe(202);
    expect((await submit(few, 6)).status).toBe(429);
  });

  test('leave their places when a worker has done them', async () => {
    await services.start('worker');
    await until(async () => (await submit(few, 7)).status !== 429, 60_000);
  });
});

describe('bytes per day', () => {
  const upload = (by: TestKey, bytes: number, service = api) =>
    ask(by, '/v1/images', { method: 'POST', body: new Uint8Array(bytes) }, service);

  test('beyond those of the key are refused before they come; what is refused counts for nothing', async () => {
    // No image, but sent.
    const first = await upload(small, 4000);
    expect([first.status, first.headers.get('ratelimit')]).toEqual([
      415,
      expect.stringMatching(/^"bytes";r=1000;t=\d+$/),
    ]);
    const second = await upload(small, 1001, other);
    expect([second.status, await codeOf(second)]).toEqual([429, 'quota-exceeded']);
    const seconds = Number(second.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(24 * 3600);
    expect(second.headers.get('ratelimit-policy')).toBe('"bytes";q=5000;w=86400');
    expect((await upload(small, 1000)).status).toBe(415);
    expect((await ask(small, '/v1/models')).status).toBe(200);
  });

  test('are counted as they come where a body does not say its length', async () => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${chunked.secret}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    // Empty lines of a manifest say nothing, so that nothing else refuses them.
    const line = '\n'.repeat(20_000);
    const sending = setInterval(() => socket.write(`${line.length.toString(16)}\r\n${line}\r\n`), 5);
    try {
      await until(() => socket.closed || answer.includes('"code"'), 60_000);
    } finally {
      clearInterval(sending);
      socket.destroy();
    }
    expect(answer).toMatch(/^HTTP\/1\.1 429 [^]*quota-exceeded/);
  });

  test('and requests are told side by side', async () => {
    const { headers } = await upload(both, 10);
    expect(headers.get('ratelimit-policy')).toBe('"requests";q=1000;w=1, "bytes";q=1000000;w=86400');
    expect(headers.get('ratelimit')).toMatch(/^"requests";r=\d+;t=1, "bytes";r=999990;t=\d+$/);
  });
});

test('while Redis is away nothing is counted, and nobody is refused for it', async () => {
  const alone = await start({ REDIS_URL: 'redis://127.0.0.1:1' });
  for (const by of [often, both]) {
    for (let i = 0; i < 10; i++) expect((await ask(by, '/v1/models', {}, alone)).status).toBe(200);
    const upload = await ask(by, '/v1/images', { method: 'POST', body: new Uint8Array(10) }, alone);
    expect(upload.status).toBe(415);
  }
});

test('everything that is counted lies under the prefix of all keys', async () => {
  const { Redis } = await import('ioredis');
  const redis = new Redis(services.redis.url);
  try {
    const keys = await redis.keys('*');
    expect(keys.filter((key) => !key.startsWith('cairn:'))).toEqual([]);
    expect(keys.filter((key) => key.startsWith('cairn:usage:')).length).toBeGreaterThan(0);
  } finally {
    redis.disconnect();
  }
});
