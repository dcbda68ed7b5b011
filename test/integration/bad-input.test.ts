import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { Client, fixture, type Problem } from './support/client.js';
import { startService, temporaryFolder, type Service } from './support/service.js';

const MAX_UPLOAD_BYTES = 500_000;

let redis: PrivateRedis;
let service: Service;
let client: Client;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
  const env = { REDIS_URL: redis.url, CAIRN_DATA_DIR: folder.path, CAIRN_MAX_UPLOAD_BYTES: String(MAX_UPLOAD_BYTES) };
  service = await startService('all', { ...env, CAIRN_URL_ALLOW: '' });
  client = new Client(service.url);
});

afterAll(async () => {
  expect(await service.end()).toBe(0);
  await redis.stop();
  await folder.remove();
});

/** Uploads that the store has kept. */
const kept = () => readdir(join(folder.path, 'images')).catch(() => []);

async function refused(response: Response): Promise<[number, string]> {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = (await response.json()) as Problem;
  expect(problem).toMatchObject({ status: response.status, type: `urn:cairn:error:${problem.code}` });
  expect(problem.detail.length).toBeGreaterThan(10);
  return [response.status, problem.code];
}

test.each([
  ['empty.jpg', 400, 'image-empty'],
  ['not-an-image.jpg', 415, 'image-unsupported'],
  ['huge-header.png', 413, 'image-too-large'],
])('%s is refused before anything is queued, and is not kept', async (name, status, code) => {
  const response = await client.post('size=64', new Uint8Array(await fixture(name)));
  expect(await refused(response)).toEqual([status, code]);
  expect(await kept()).toEqual([]);
});

test.each([
  ['model=mask-rcnn-resnet51', 'model-unknown'],
  ['levels=C6', 'level-unknown'],
  ['levels=', 'level-unknown'],
  ['levels=C5&stage5=false', 'level-absent'],
  ['dtype=int3', 'dtype-unknown'],
  ['size=1000', 'option-invalid'],
  ['size=0x400', 'option-invalid'],
  ['stage5=maybe', 'option-invalid'],
  ['priority=urgent', 'option-invalid'],
  ['colour=red', 'option-unknown'],
  ['__proto__=1', 'option-unknown'],
])('%s is refused with %s', async (query, code) => {
  const image = new Uint8Array(await fixture('tiny.png'));
  expect(await refused(await client.post(query, image))).toEqual([400, code]);
});

test('C5 without stage 5 is explained', async () => {
  const response = await client.post('levels=C5&stage5=false', new Uint8Array(await fixture('tiny.png')));
  expect(((await response.json()) as Problem).detail).toMatch(/stage 5/);
});

test('what is no submission at all is refused', async () => {
  const json = { 'content-type': 'application/json' };
  expect(await refused(await client.post('', null))).toEqual([400, 'image-empty']);
  // Under a type that is no image's, the first byte is waited for.
  const headers = { 'content-type': 'application/octet-stream' };
  const empty = await fetch(`${client.url}/v1/jobs`, { method: 'POST', headers, body: new Uint8Array(0) });
  expect(await refused(empty)).toEqual([400, 'image-empty']);
  expect(await refused(await client.post('', '{"source"', json))).toEqual([400, 'request-malformed']);
  expect(await refused(await client.post('', '{"source":{"url":"file:///etc/passwd"}}', json))).toEqual([
    400,
    'request-malformed',
  ]);
  expect(await refused(await client.post('', '[1]', json))).toEqual([400, 'request-malformed']);
  const form = new FormData();
  form.set('size', '64');
  expect(await refused(await client.post('', form))).toEqual([400, 'image-missing']);
  const unbounded = { 'content-type': 'multipart/form-data' };
  expect(await refused(await client.post('', 'x', unbounded))).toEqual([400, 'request-malformed']);
  expect(await refused(await client.post('', new Uint8Array(MAX_UPLOAD_BYTES + 1)))).toEqual([413, 'upload-too-large']);
  // Far more than the sockets hold: the refusal must arrive although most of the body was never read.
  expect(await refused(await client.post('', new Uint8Array(40 << 20)))).toEqual([413, 'upload-too-large']);
  const large = new FormData();
  large.set('image', new Blob([new Uint8Array(10 << 20)]), 'large.png');
  expect(await refused(await client.post('', large))).toEqual([413, 'upload-too-large']);
  expect(await kept()).toEqual([]);
});

test('JSON without its content type is told from an image that cannot be read', async () => {
  const body = '{"source":{"url":"https://example.org/photo.jpg"}}';
  const response = await client.post('', body, { 'content-type': 'application/x-www-form-urlencoded' });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: 'request-malformed',
    detail: expect.stringContaining('Content-Type: application/json'),
  });
  expect(await refused(await client.post('', 'no image', { 'content-type': 'text/plain' }))).toEqual([
    415,
    'image-unsupported',
  ]);
});

test('what does not exist is not found, in the same form', async () => {
  const id = '0'.repeat(64);
  expect(await refused(await fetch(`${service.url}/v1/jobs/nothing`))).toEqual([404, 'job-not-found']);
  expect(await refused(await fetch(`${service.url}/v1/jobs/cached-${id}`))).toEqual([404, 'job-not-found']);
  expect(await refused(await fetch(`${service.url}/v1/jobs/nothing/events`))).toEqual([404, 'job-not-found']);
  expect(await refused(await fetch(`${service.url}/v1/jobs/nothing`, { method: 'DELETE' }))).toEqual([
    404,
    'job-not-found',
  ]);
  for (const path of [id, `${id}.safetensors`, `${id}.zarr.zip`, '..%2f..%2fsecret.zarr.zip', `${id}%00`]) {
    expect(await refused(await fetch(`${service.url}/v1/features/${path}`))).toEqual([404, 'features-not-found']);
  }
  expect(await refused(await fetch(`${service.url}/v3/nothing`))).toEqual([404, 'route-not-found']);
});

test('an image that only decoding finds out fails its job once, and the worker lives on', async () => {
  const broken = await client.submit(await fixture('truncated.jpg'), 'size=64');
  expect(await client.finish(broken.id)).toMatchObject({
    state: 'failed',
    attempts: 1,
    error: { code: 'image-corrupt' },
  });
  const sound = await client.submit(await fixture('grey-exif6.jpg'), 'size=64');
  expect(await client.finish(sound.id)).toMatchObject({ state: 'completed' });
});

test('addresses inside the network are not fetched from for strangers', async () => {
  for (const url of [
    service.url,
    'http://[::ffff:127.0.0.1]/x.png',
    'http://localhost:1/x.png',
    'http://169.254.1.1/x',
  ]) {
    const body = JSON.stringify({ source: { url }, size: 64 });
    const response = await client.post('', body, { 'content-type': 'application/json' });
    const job = await client.finish(((await response.json()) as { id: string }).id);
    expect(job).toMatchObject({ state: 'failed', attempts: 1, error: { code: 'url-forbidden' } });
  }
});
