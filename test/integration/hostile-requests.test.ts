import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { writeArchive } from '../../src/features/archive-writer.js';
import { archiveKey } from '../../src/features/feature-set.js';
import { FileStore } from '../../src/features/store/file-store.js';
import { loadZstd } from '../../src/formats/zstd.js';
import { featureSet, plansOf } from '../support/feature-sets.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

const INFER = '/v2/models/mask-rcnn-resnet18/infer';
/** C2 has 64 × 64 × 160 floats: more than the buffers of a connection. */
const plans = plansOf('float32');
const large = featureSet([{ ...plans[0]!, shape: [128, 128, 320] }]);
const LEVELS = `/v1/features/${large.description.id}.safetensors`;
const LIMITS = {
  CAIRN_INFERENCE_BYTES: String(40 << 20),
  CAIRN_MAX_FEATURE_STREAMS: '4',
  CAIRN_ANSWER_TIMEOUT_MS: '4000',
  CAIRN_BODY_TIMEOUT_MS: '1500',
  CAIRN_MIN_BODY_RATE: '100',
  CAIRN_MAX_BODIES: '40',
  CAIRN_MAX_REGION_BYTES: '1000000',
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;
const sockets: Socket[] = [];

beforeAll(async () => {
  folder = await temporaryFolder();
  const zstd = await loadZstd();
  await new FileStore(folder.path).put(archiveKey(large.description.id), writeArchive(large, zstd));
  // Nothing here needs Redis.
  service = await startService('api', { REDIS_URL: 'redis://127.0.0.1:1', CAIRN_DATA_DIR: folder.path, ...LIMITS });
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  expect(await service.end()).toBe(0);
  await folder.remove();
});

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Unlike `fetch`, leaves every header to the caller. */
async function ask(method: string, path: string, headers: Record<string, string> = {}, body?: Uint8Array) {
  return new Promise<Reply>((resolve, reject) => {
    const asked = httpRequest(service.url + path, { method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk)).once('error', reject);
      answer.once('end', () =>
        resolve({ status: answer.statusCode!, headers: answer.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    asked.once('error', reject).end(body);
  });
}

const codeOf = ({ text }: Reply) => (JSON.parse(text) as { code: string }).code;

/** A connection that sends `head` and reads nothing unless it is told to. */
async function raw(head: string): Promise<Socket> {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  socket.pause().write(head);
  return socket;
}

const rss = async () => Number(/VmRSS:\s+(\d+)/.exec(await memoryOf(service))![1]) << 10;

async function memoryOf({ process: { pid } }: Service): Promise<string> {
  return readFile(`/proc/${pid}/status`, 'utf8');
}

const alive = async () => {
  const from = performance.now();
  expect((await ask('GET', '/livez')).status).toBe(200);
  return performance.now() - from;
};

describe('inference requests that unpack to far more than was sent', () => {
  const bomb = (json: string) => gzipSync(Buffer.from(json), { level: 9 });
  const gzip = { 'content-encoding': 'gzip' };

  test('JSON of eight million empty objects is refused before it is parsed', async () => {
    const body = bomb(`{"inputs":[${'{},'.repeat(5_000_000)}{}]}`);
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask('POST', INFER, gzip, body)));
    for (const answer of answers) expect(['json-too-large', 'busy']).toContain(codeOf(answer));
    expect(answers.map(codeOf)).toContain('json-too-large');
    expect(await alive()).toBeLessThan(1000);
  });

  test('one budget for all: who comes when it is empty is told to come again', async () => {
    // 15 MiB each of text in one value.
    const body = bomb(`{"inputs":[{"name":"${'x'.repeat(15 << 20)}"}]}`);
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask('POST', INFER, gzip, body)));
    const busy = answers.filter((answer) => codeOf(answer) === 'busy');
    expect(busy.length).toBeGreaterThan(0);
    for (const { status, headers } of busy) expect([status, headers['retry-after']]).toEqual([503, '2']);
    // Everything was given back.
    expect(codeOf(await ask('POST', INFER, gzip, body))).toBe('request-malformed');
  });

  test('pixels that compress a thousandfold are refused, and none of them are held in memory', async () => {
    const json = JSON.stringify({
      inputs: [
        { name: 'image', datatype: 'UINT8', shape: [9999, 9999, 3], parameters: { binary_data_size: 9999 * 9999 * 3 } },
      ],
    });
    const body = gzipSync(Buffer.concat([Buffer.from(json), Buffer.alloc(9999 * 9999 * 3)]));
    const headers = { ...gzip, 'inference-header-content-length': String(json.length) };
    const before = await rss();
    let peak = before;
    const watching = setInterval(() => void rss().then((now) => (peak = Math.max(peak, now))), 20);
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask('POST', INFER, headers, body)));
    clearInterval(watching);
    expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual(Array(4).fill([413, 'upload-too-large']));
    expect(peak - before).toBeLessThan(150 << 20);
  });
});

describe('clients that do not read', () => {
  const get = `GET ${LEVELS} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

  test('are few at a time, and are disconnected when they have taken nothing for so long', async () => {
    const readers = await Promise.all(Array.from({ length: 4 }, () => raw(get)));
    await until(async () => (await ask('GET', LEVELS)).status === 503);
    const refused = await ask('GET', LEVELS);
    expect([refused.status, codeOf(refused), refused.headers['retry-after']]).toEqual([503, 'busy', '2']);
    await until(async () => (await ask('GET', LEVELS)).status === 200);
    for (const reader of readers) {
      reader.resume();
      await once(reader, 'close');
    }
  });

  test('one that reads slowly, but reads, gets everything', async () => {
    const reader = await raw(get);
    let received = 0;
    reader.on('data', (chunk: Buffer) => (received += chunk.length));
    const reading = setInterval(() => {
      reader.resume();
      setTimeout(() => reader.pause(), 5);
    }, 700);
    const size = large.levels[0]!.tensor.data.byteLength;
    try {
      await until(
        () => received >= size,
        50_000,
        () => `${received} of ${size} bytes came`,
      );
    } finally {
      clearInterval(reading);
    }
  });

  test('regions beyond the limit of an answer are refused', async () => {
    const boxes = Array.from({ length: 20 }, () => [0, 0, 64, 64]);
    const path = `/v1/features/${large.description.id}/roi-align`;
    const json = (count: number) => Buffer.from(JSON.stringify({ boxes: boxes.slice(0, count), levels: ['C2'] }));
    const headers = { 'content-type': 'application/json' };
    const refused = await ask('POST', path, headers, json(20));
    expect([refused.status, codeOf(refused)]).toEqual([413, 'regions-too-large']);
    expect((await ask('POST', path, headers, json(15))).status).toBe(200);
  });

  test('one that leaves while regions are computed is no error of the server', async () => {
    const before = service.log().length;
    const body = JSON.stringify({ boxes: Array.from({ length: 15 }, () => [0, 0, 256, 256]), levels: ['C2'] });
    const head =
      `POST /v1/features/${large.description.id}/roi-align HTTP/1.1\r\nHost: localhost\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (let i = 0; i < 40; i++) {
      // Half of them leave before all of their boxes are sent.
      const socket = await raw(head + (i % 2 === 0 ? body : body.slice(1)));
      setTimeout(() => socket.resetAndDestroy(), 10 + 5 * i);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(service.log().slice(before)).not.toMatch(/ERROR/);
  });
});

describe('bodies that come slowly', () => {
  const head = (path: string, more: string) =>
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n${more}\r\n`;
  const chunk = '4\r\nmore\r\n';

  test.each([
    ['an image', '/v1/images', 'Content-Type: image/jpeg\r\n'],
    ['JSON', '/v1/jobs', 'Content-Type: application/json\r\n'],
    ['a form', '/v1/jobs', 'Content-Type: multipart/form-data; boundary=x\r\n'],
    ['an inference request', INFER, ''],
  ])('%s: 408, and the connection ends', async (_, path, more) => {
    const socket = await raw(head(path, more));
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.resume();
    const dripping = setInterval(() => socket.write(chunk), 300);
    try {
      await once(socket, 'close', { signal: AbortSignal.timeout(10_000) });
    } finally {
      clearInterval(dripping);
    }
    expect(answer).toMatch(/^HTTP\/1\.1 408/);
    expect(answer).toMatch(/request-timeout/);
  });

  test('one at the least rate may take as long as it needs', async () => {
    const socket = await raw(head('/v1/images', 'Content-Type: image/jpeg\r\n'));
    let closed = false;
    socket.once('close', () => (closed = true));
    const sending = setInterval(() => socket.write(`32\r\n${'x'.repeat(50)}\r\n`), 200);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    clearInterval(sending);
    expect(closed).toBe(false);
    socket.destroy();
  });

  test('many at once leave the server to others; beyond the limit they are told to come again', async () => {
    const slow = await Promise.all(
      Array.from({ length: 60 }, () => raw(head('/v1/images', 'Content-Type: image/jpeg\r\n') + chunk)),
    );
    const answer = await ask('POST', '/v1/images', {}, Buffer.from('abc'));
    expect([answer.status, codeOf(answer)]).toEqual([503, 'busy']);
    await alive();
    for (const socket of slow) socket.destroy();
    await until(async () => (await ask('POST', '/v1/images', {}, Buffer.from('abc'))).status === 415, 5000);
  });
});

describe('JSON that would block the thread', () => {
  test('of a hundred thousand fields is refused quickly', async () => {
    const fields = Array.from({ length: 94_000 }, (_, i) => `"${i}":1`).join();
    const started = performance.now();
    for (let i = 0; i < 4; i++) {
      const answer = await ask(
        'POST',
        '/v1/jobs',
        { 'content-type': 'application/json' },
        Buffer.from(`{"source":{"sha256":"${'0'.repeat(64)}"},${fields}}`),
      );
      expect([answer.status, codeOf(answer)]).toEqual([400, 'request-malformed']);
    }
    expect((performance.now() - started) / 4).toBeLessThan(500);
  });
});

describe('browsers', () => {
  const port = () => new URL(service.url).port;

  test.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])('this machine is called %s', async (name) => {
    expect((await ask('GET', '/livez', { host: `${name}:${port()}` })).status).toBe(200);
  });

  test.each(['evil.example', 'evil.example:8080', '127.0.0.1.evil.example', '[::2]', 'localhost@evil.example'])(
    'under the name %s nothing is answered',
    async (host) => {
      for (const method of ['GET', 'DELETE']) {
        const answer = await ask(method, '/v1/models', { host });
        expect([answer.status, codeOf(answer)]).toEqual([403, 'host-forbidden']);
      }
      expect(codeOf(await ask('GET', '/v2', { host }))).toBe('host-forbidden');
    },
  );

  const json = Buffer.from('{"source":{"sha256":"' + '0'.repeat(64) + '"}}');
  test.each<[string, Record<string, string>]>([
    ['its origin', { origin: 'http://evil.example' }],
    ['a sandboxed page', { origin: 'null' }],
    ['another port', { origin: 'http://localhost:1' }],
    ['the browser', { 'sec-fetch-site': 'cross-site' }],
    ['the browser, from a subdomain', { 'sec-fetch-site': 'same-site' }],
  ])('another site may change nothing: %s tells', async (_, headers) => {
    for (const [method, path] of [
      ['POST', '/v1/batches'],
      ['DELETE', '/v1/jobs/1'],
      ['POST', INFER],
      ['POST', '/v1/jobs'],
    ] as const) {
      const body = method === 'POST' ? json : undefined;
      const answer = await ask(method, path, { 'content-type': 'text/plain', ...headers }, body);
      expect([answer.status, codeOf(answer)]).toEqual([403, 'origin-forbidden']);
    }
    const joining = await ask('GET', '/v1/stream?group=g&consumer=c', headers);
    expect([joining.status, codeOf(joining)]).toEqual([403, 'origin-forbidden']);
    expect((await ask('GET', '/v1/models', headers)).status).toBe(200);
  });

  test.each<[string, () => Record<string, string>]>([
    ['the own page', () => ({ origin: `http://127.0.0.1:${port()}`, 'sec-fetch-site': 'same-origin' })],
    ['the own page behind a proxy', () => ({ origin: 'https://cairn.example', 'sec-fetch-site': 'same-origin' })],
    ['the own page in an old browser', () => ({ origin: `http://127.0.0.1:${port()}` })],
    ['a program', () => ({})],
  ])('%s may', async (_, headers) => {
    const answer = await ask('POST', '/v1/jobs', { 'content-type': 'application/json', ...headers() }, json);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'image-missing']);
  });

  test.each(['/v1/models', '/docs', '/no-such-route', '/v2', '/%zz', '/livez'])(
    '%s says what browsers may do with it',
    async (path) => {
      const { headers } = await ask('GET', path);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'content-security-policy': expect.stringMatching(/default-src '(none|self)'.*frame-ancestors 'none'/),
        'referrer-policy': 'no-referrer',
      });
    },
  );
});

describe('the contract', () => {
  test.each([
    ['/v1/jobs/%zz', 400],
    [`/v1/jobs/${'x'.repeat(200)}`, 414],
  ])('%s is refused as a problem', async (path, status) => {
    const answer = await ask('GET', path);
    expect([answer.status, answer.headers['content-type']]).toEqual([
      status,
      expect.stringMatching(/^application\/problem\+json/),
    ]);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'request-malformed', status });
  });

  test.each([
    ['two names', 'GET /livez HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\nConnection: close\r\n\r\n'],
    ['one name twice', 'GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
  ])('a request with %s in Host is refused', async (_, request) => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.write(request);
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(text.slice(text.indexOf('{'))) as object).toMatchObject({ code: 'request-malformed' });
  });

  test('below /v2 in the form of the protocol', async () => {
    const answer = await ask('GET', '/v2/models/%zz');
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      400,
      { code: 'request-malformed', error: expect.any(String) },
    ]);
  });

  test('an answer does not repeat a megabyte', async () => {
    const body = Buffer.from(JSON.stringify({ source: { sha256: '0'.repeat(64) }, model: 'x'.repeat(1_000_000) }));
    const started = performance.now();
    const answer = await ask('POST', '/v1/jobs', { 'content-type': 'application/json' }, body);
    expect(performance.now() - started).toBeLessThan(1000);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'model-unknown']);
    expect(answer.text.length).toBeLessThan(3000);
  });
});

test('the catalogue costs its readers next to nothing', async () => {
  const names = (JSON.parse((await ask('GET', '/v1/models')).text) as { models: { name: string }[] }).models;
  const before = await cpuMs();
  for (let i = 0; i < 20; i++) expect((await ask('GET', '/v1/models')).status).toBe(200);
  for (const { name } of names) expect((await ask('GET', `/v1/models/${name}`)).status).toBe(200);
  // It was 66 ms each, and 22 s of drawing weights.
  expect((await cpuMs()) - before).toBeLessThan(3000);
});

/** User and system time of the service. */
async function cpuMs(): Promise<number> {
  const fields = (await readFile(`/proc/${service.process.pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
