import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { OpenAPIObject, OperationObject } from '@nestjs/swagger';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { testKey, writeKeys, type TestKey } from './support/key-file.js';
import { endOf, ENDED_WELL, startService, temporaryFolder, until, type Service } from './support/service.js';

/** Nothing in this file needs Redis. */
const WITHOUT_REDIS = { REDIS_URL: 'redis://127.0.0.1:1' };
const keys = {
  read: testKey('reader', 'read'),
  submit: testKey('submitter', 'submit'),
  admin: testKey('boss', 'admin'),
};
const passing = testKey('passing', 'read');

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let keyFile: string;
let service: Service;
let document: OpenAPIObject;

beforeAll(async () => {
  folder = await temporaryFolder();
  keyFile = join(folder.path, 'keys');
  await writeKeys(keyFile, [...Object.values(keys), passing]);
  service = await startService('api', {
    ...WITHOUT_REDIS,
    CAIRN_DATA_DIR: folder.path,
    CAIRN_API_KEYS_FILE: keyFile,
    HOST: '0.0.0.0',
  });
  document = (await (await ask('GET', '/docs-json', keys.read.headers)).json()) as OpenAPIObject;
});

afterAll(async () => {
  expect(await endOf(service)).toEqual(ENDED_WELL);
  await folder.remove();
});

/** The whole response: one that is not read would keep its connection, and the service, from ending. */
async function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Response> {
  const url = service.url.replace('0.0.0.0', '127.0.0.1') + path;
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body }) });
  const bytes = await response.arrayBuffer();
  return new Response(bytes.byteLength > 0 ? bytes : null, response);
}

const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;

/** A request that the server lets in is refused for another reason, if at all: no id exists, no body is right. */
const refusedForItsKey = (status: number) => status === 401 || status === 403;

interface Route {
  readonly method: string;
  readonly path: string;
  readonly scope: 'read' | 'submit' | 'admin' | undefined;
}

function routes(): Route[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, OperationObject>).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: path.replace(/\{(model)\}/, 'mask-rcnn-resnet18').replace(/\{\w+\}/g, '1'),
      scope: (operation as { 'x-scope'?: Route['scope'] })['x-scope'],
    })),
  );
}

describe('every route of the OpenAPI document', () => {
  test('asks for a key, except health', () => {
    const open = routes().filter(({ scope }) => scope === undefined);
    expect(open.map(({ path }) => path).sort()).toEqual(['/livez', '/readyz', '/v2/health/live', '/v2/health/ready']);
    expect(routes().length).toBeGreaterThan(35);
  });

  test('refuses those without a key in the form of its protocol, and tells how to send one', async () => {
    for (const { method, path, scope } of routes()) {
      const response = await ask(method, path);
      if (scope === undefined) {
        expect([path, refusedForItsKey(response.status)]).toEqual([path, false]);
        continue;
      }
      expect([method, path, response.status]).toEqual([method, path, 401]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="cairn"');
      expect(response.headers.get('content-type')).toMatch(
        path.startsWith('/v2') ? /^application\/json/ : /^application\/problem\+json/,
      );
      if (method !== 'HEAD') expect(await codeOf(response)).toBe('key-missing');
    }
  });

  test.each(['read', 'submit', 'admin'] as const)('lets a key of the scope %s do what that is for', async (held) => {
    for (const { method, path, scope } of routes()) {
      if (scope === undefined) continue;
      const stop = new AbortController();
      const url = service.url.replace('0.0.0.0', '127.0.0.1') + path;
      const response = await fetch(url, { method, headers: keys[held].headers, signal: stop.signal });
      const allowed = held === 'admin' || held === scope;
      expect([method, path, refusedForItsKey(response.status)]).toEqual([method, path, !allowed]);
      if (!allowed) {
        expect(response.status).toBe(403);
        expect(response.headers.get('www-authenticate')).toBe(
          `Bearer realm="cairn", error="insufficient_scope", scope="${scope}"`,
        );
        if (method !== 'HEAD') expect(await codeOf(response)).toBe('scope-missing');
      }
      stop.abort();
    }
  });

  test('documents the ways to send a key, and the refusals', () => {
    expect(document.components!.securitySchemes).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer' },
      apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
    });
    expect(document.security).toEqual([{ bearer: [] }, { apiKey: [] }]);
    for (const item of Object.values(document.paths)) {
      for (const operation of Object.values(item as Record<string, OperationObject>)) {
        const asks = (operation as { 'x-scope'?: string })['x-scope'] !== undefined;
        expect(Object.keys(operation.responses).filter((status) => /^(401|403|429)$/.test(status))).toHaveLength(
          asks ? 3 : 0,
        );
        expect(operation.security).toEqual(asks ? undefined : []);
      }
    }
  });
});

describe('what is no operation', () => {
  test.each([
    ['GET', '/docs'],
    ['GET', '/docs-json'],
    ['GET', '/docs/swagger-ui.css'],
    ['GET', '/no/such/route'],
    ['PUT', '/v1/jobs'],
    ['OPTIONS', '/v1/jobs'],
  ])('%s %s asks for a key too, of any scope', async (method, path) => {
    const refused = await ask(method, path);
    expect([refused.status, await codeOf(refused)]).toEqual([401, 'key-missing']);
    const let_in = await ask(method, path, keys.submit.headers);
    expect(refusedForItsKey(let_in.status)).toBe(false);
  });

  test('below /v2 the refusal has the form of the protocol', async () => {
    const response = await ask('GET', '/v2/no/such/route');
    expect([response.status, await response.json()]).toEqual([401, { code: 'key-missing', error: expect.any(String) }]);
  });
});

describe('the key of a request', () => {
  test('may be in X-API-Key, and beside the credentials of a proxy', async () => {
    const ways: Record<string, string>[] = [
      { 'x-api-key': keys.read.secret },
      { 'x-api-key': keys.read.secret, authorization: 'Basic dXNlcjpwYXNz' },
      { authorization: `bearer  ${keys.read.secret}` },
    ];
    for (const headers of ways) expect((await ask('GET', '/v1/models', headers)).status).toBe(200);
  });

  const invalid: [string, () => Record<string, string>][] = [
    ['a key that nobody made', () => ({ authorization: `Bearer ${testKey('x', 'read').secret}` })],
    ['the digest of one', () => ({ authorization: `Bearer ${keys.read.line.split(/[ :]/)[2]!}` })],
    ['half of one', () => ({ authorization: `Bearer ${keys.read.secret.slice(0, 30)}` })],
    ['one in capitals', () => ({ authorization: `Bearer ${keys.read.secret.toUpperCase()}` })],
    ['a huge one', () => ({ 'x-api-key': 'x'.repeat(12_000) })],
    ['one of other bytes', () => ({ 'x-api-key': 'clé-ÿ' })],
    ['two keys', () => ({ 'x-api-key': keys.read.secret, authorization: `Bearer ${keys.read.secret}` })],
    ['two keys in one header', () => ({ 'x-api-key': `${keys.read.secret}, ${keys.read.secret}` })],
  ];
  test.each(invalid)('%s is refused', async (_, headers) => {
    const response = await ask('GET', '/v1/models', headers());
    expect([response.status, await codeOf(response)]).toEqual([401, 'key-invalid']);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="cairn", error="invalid_token"');
  });

  test.each([
    ['Authorization', 'Bearer '],
    ['X-API-Key', ''],
  ])('%s twice is refused', async (name, scheme) => {
    const header = `${name}: ${scheme}${keys.read.secret}\r\n`;
    const answer = await raw(`GET /v1/models HTTP/1.1\r\nHost: x\r\n${header}${header}Connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 401 [^]*key-invalid/);
  });

  test.each<Record<string, string>>([
    { authorization: 'Bearer ' },
    { authorization: 'Basic abc' },
    { 'x-api-key': '' },
  ])('%j is none', async (headers) => {
    expect(await codeOf(await ask('GET', '/v1/models', headers))).toBe('key-missing');
  });

  test('is asked for before the body is read', async () => {
    const head = 'POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\nConnection: close\r\n\r\n';
    expect(await raw(head)).toMatch(/^HTTP\/1\.1 401 /);
  });
});

/** What the server answers to some bytes. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    answer += chunk;
    if (answer.includes('"code"')) socket.end();
  });
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

test('what a key was needed for, no shared cache keeps', async () => {
  expect((await ask('GET', '/v1/models', keys.read.headers)).headers.get('cache-control')).toBe('private, no-cache');
  expect((await ask('GET', '/livez')).headers.get('cache-control')).toBeNull();
});

test('a key that is revoked is refused without a restart, and a new one is accepted', async () => {
  expect((await ask('GET', '/v1/models', passing.headers)).status).toBe(200);
  const coming = testKey('coming', 'read');
  await writeKeys(keyFile, [...Object.values(keys), coming]);
  await until(async () => (await ask('GET', '/v1/models', passing.headers)).status === 401);
  expect((await ask('GET', '/v1/models', coming.headers)).status).toBe(200);
  expect((await ask('GET', '/v1/models', keys.read.headers)).status).toBe(200);
});

describe('the log', () => {
  test('has a line for each refusal, with the name of the key and no secret', async () => {
    // The tests before have used up the lines of a second.
    await delay(1500);
    const response = await ask('POST', '/v1/jobs?token=hidden', keys.read.headers);
    const line = `refused with 403 scope-missing: POST /v1/jobs by key reader from 127.0.0.1, request ${response.headers.get('x-request-id')}`;
    await until(
      () => service.log().includes(line),
      5000,
      () => `${line}\n${service.log()}`,
    );
    for (const { secret } of Object.values(keys)) expect(service.log()).not.toContain(secret);
    expect(service.log()).not.toContain('hidden');
  });

  test('escapes control characters', async () => {
    await ask('GET', '/v1/%1b%5b31mred%0anext', { 'x-api-key': 'x' });
    await raw('GET /v1/models HTTP/1.1\r\nHost: x\r\nX-API-Key: a\tb\r\nConnection: close\r\n\r\n');
    // Colours are off, so no line has an escape.
    expect(service.log()).not.toMatch(/\x1b|^next/m);
  });

  test('is not flooded', async () => {
    const before = service.log().length;
    await Promise.all(Array.from({ length: 400 }, () => ask('GET', '/v1/models')));
    await until(() => /\d+ more refusals within a second/.test(service.log().slice(before)), 10_000);
    const lines = service.log().slice(before).split('\n');
    expect(lines.filter((line) => line.includes('refused with 401')).length).toBeLessThan(400);
  });
});

describe('a service that others reach', () => {
  const start = (env: Record<string, string>) =>
    startService('api', { ...WITHOUT_REDIS, CAIRN_DATA_DIR: join(folder.path, 'other'), HOST: '0.0.0.0', ...env });

  test('does not start without keys, and says what is missing in one sentence', async () => {
    await expect(start({})).rejects.toThrow(
      /^[^]*cairn: HOST=0\.0\.0\.0 lets others in: set CAIRN_API_KEYS_FILE .*, or CAIRN_AUTH=off to serve everybody who reaches the port\. \[option-invalid\]/,
    );
  });

  test('does not start when the file of keys is missing', async () => {
    await expect(start({ CAIRN_API_KEYS_FILE: join(folder.path, 'none') })).rejects.toThrow(/cannot be read: ENOENT/);
  });

  test('serves everybody with CAIRN_AUTH=off, and the log says so', async () => {
    const open = await start({ CAIRN_AUTH: 'off' });
    try {
      const url = open.url.replace('0.0.0.0', '127.0.0.1');
      expect((await fetch(`${url}/v1/models`)).status).toBe(200);
      expect(open.log()).toMatch(/CAIRN_AUTH=off: everybody who reaches 0\.0\.0\.0/);
      const { security } = (await (await fetch(`${url}/docs-json`)).json()) as OpenAPIObject;
      expect(security).toEqual([{}, { bearer: [] }, { apiKey: [] }]);
    } finally {
      await open.end();
    }
  });

  test('names the damaged lines of its file at the start; the other keys hold', async () => {
    const file = join(folder.path, 'damaged');
    const good = testKey('good', 'read');
    const pasted: TestKey = testKey('pasted', 'read');
    await writeFile(file, `${good.line}\npasted ${pasted.secret} read\n`, { mode: 0o600 });
    const damaged = await start({ CAIRN_API_KEYS_FILE: file });
    try {
      const url = damaged.url.replace('0.0.0.0', '127.0.0.1');
      expect(damaged.log()).toMatch(/damaged, line 2, gives nobody access/);
      expect(damaged.log()).not.toContain(pasted.secret);
      const status = async (headers: Record<string, string>) => (await fetch(`${url}/v1/models`, { headers })).status;
      expect([await status(good.headers), await status(pasted.headers)]).toEqual([200, 401]);
    } finally {
      await damaged.end();
    }
  });
});
