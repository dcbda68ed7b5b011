import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { request } from 'node:http';
import { join } from 'node:path';
import * as zarr from 'zarrita';
import { writeArchive } from '../../src/features/archive-writer.js';
import { archiveKey } from '../../src/features/feature-set.js';
import { FileStore } from '../../src/features/store/file-store.js';
import { loadZstd } from '../../src/formats/zstd.js';
import { featureSet, plansOf } from '../support/feature-sets.js';
import { testKey, writeKeys } from './support/key-file.js';
import { startService, temporaryFolder, type Service } from './support/service.js';

const VIEWER = 'https://viewer.example';
const key = testKey('viewer', 'read,submit');
const set = featureSet(plansOf('float32'));
const { id } = set.description;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;
let closed: Service;

beforeAll(async () => {
  folder = await temporaryFolder();
  await new FileStore(folder.path).put(archiveKey(id), writeArchive(set, await loadZstd()));
  const file = join(folder.path, 'keys');
  await writeKeys(file, [key]);
  const env = { REDIS_URL: 'redis://127.0.0.1:1', CAIRN_DATA_DIR: folder.path };
  service = await startService('api', { ...env, CAIRN_API_KEYS_FILE: file, CAIRN_CORS_ORIGINS: VIEWER });
  closed = await startService('api', env);
});

afterAll(async () => {
  for (const each of [service, closed]) expect(await each.end()).toBe(0);
  await folder.remove();
});

/** As a browser asks for a page of `origin`; `fetch` would not send all of these headers. */
function ask(method: string, path: string, headers: Record<string, string>, to = service) {
  return new Promise<{ status: number; headers: Record<string, string | undefined> }>((resolve, reject) => {
    const asked = request(to.url + path, { method, headers }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode!, headers: answer.headers as Record<string, string | undefined> });
    });
    asked.once('error', reject).end();
  });
}

const site = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
const preflight = (origin: string) => ({
  ...site,
  origin,
  'access-control-request-method': 'GET',
  'access-control-request-headers': 'authorization,range',
});

test('a browser that asks first is told what pages of a listed origin may do, without a key', async () => {
  const answer = await ask('OPTIONS', `/v1/features/${id}.zarr/zarr.json`, preflight(VIEWER));
  expect(answer).toMatchObject({
    status: 204,
    headers: {
      'access-control-allow-origin': VIEWER,
      'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
      'access-control-allow-headers': expect.stringMatching(/Authorization.*Range.*X-API-Key/),
    },
  });
  expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
  const other = await ask('OPTIONS', '/v1/models', preflight('https://evil.example'));
  expect(other.headers['access-control-allow-origin']).toBeUndefined();
});

test('a Zarr viewer of that origin reads ranges', async () => {
  const headers = { ...site, ...key.headers, origin: VIEWER, range: 'bytes=0-9' };
  const answer = await ask('GET', `/v1/features/${id}.zarr.zip`, headers);
  expect(answer).toMatchObject({ status: 206, headers: { 'access-control-allow-origin': VIEWER } });
  const exposed = answer.headers['access-control-expose-headers']!.split(', ');
  expect(exposed).toEqual(expect.arrayContaining(['Content-Range', 'Content-Length', 'Accept-Ranges', 'ETag']));
  const levels = await ask('GET', `/v1/features/${id}.safetensors`, headers);
  expect(levels.headers['vary']).toMatch(/^origin, accept-encoding$/i);
  const { name } = set.levels[0]!;
  const store = new zarr.FetchStore(`${service.url}/v1/features/${id}.zarr`, {
    fetch: (asked: Request) => fetch(new Request(asked, { headers: { ...key.headers, origin: VIEWER } })),
  });
  const level = await zarr.open(zarr.root(store).resolve(name), { kind: 'array' });
  expect(level.shape).toEqual(set.levels[0]!.tensor.shape);
});

test('its pages read refusals, and may change things; others may not', async () => {
  const refused = await ask('GET', '/v1/models', { ...site, origin: VIEWER });
  expect(refused).toMatchObject({ status: 401, headers: { 'access-control-allow-origin': VIEWER } });
  const change = { ...site, ...key.headers };
  // It gets past the origin, to a Redis that is not there.
  expect((await ask('DELETE', `/v1/batches/${'0'.repeat(32)}`, { ...change, origin: VIEWER })).status).toBe(503);
  expect(
    (await ask('DELETE', `/v1/batches/${'0'.repeat(32)}`, { ...change, origin: 'https://x.example' })).status,
  ).toBe(403);
  expect((await ask('GET', '/v1/stream?group=g&consumer=c', { ...change, origin: VIEWER })).status).toBe(503);
  expect((await ask('GET', '/no/such', { ...change, origin: VIEWER })).status).toBe(404);
});

test('without listed origins no page is let in', async () => {
  const answer = await ask('GET', '/v1/models', { ...site, origin: VIEWER }, closed);
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect((await ask('OPTIONS', '/v1/models', preflight(VIEWER), closed)).status).toBe(404);
});
