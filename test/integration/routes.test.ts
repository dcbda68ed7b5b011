import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startService, temporaryFolder, type Service } from './support/service.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;

beforeAll(async () => {
  folder = await temporaryFolder();
  // Nothing here needs Redis.
  service = await startService('api', { REDIS_URL: 'redis://127.0.0.1:1', CAIRN_DATA_DIR: folder.path });
});

afterAll(async () => {
  await service.end();
  await folder.remove();
});

async function ask(method: string, path: string, body?: string) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(service.url + path, { method, ...(body !== undefined && { body, headers }) });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

describe('a method that a path does not have', () => {
  test.each([
    ['PUT', '/v1/jobs', 'POST'],
    ['GET', '/v1/extract', 'POST'],
    ['POST', '/v1/jobs/1', 'GET, HEAD, DELETE'],
    ['DELETE', '/v1/features/1.zarr/C2/zarr.json', 'GET, HEAD'],
    ['GET', '/v1/images/1', 'HEAD'],
  ] as const)('%s %s: 405, Allow: %s', async (method, url, allow) => {
    const answer = await ask(method, url);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({ code: 'method-not-allowed', status: 405, instance: url });
  });

  test('is refused in the form of the protocol below /v2', async () => {
    const answer = await ask('GET', '/v2/models/m/infer');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    expect(answer.body).toEqual({ code: 'method-not-allowed', error: expect.stringContaining('POST') });
  });
});

test.each([
  ['GET', '/v2/nothing', undefined],
  ['POST', '/v2/nothing', '{"not": JSON'],
  ['PATCH', '/v2x', undefined],
  ['GET', '/v3', undefined],
] as const)('%s %s does not exist', async (method, url, payload) => {
  const answer = await ask(method, url, payload);
  expect([answer.status, answer.body]).toEqual([404, expect.objectContaining({ code: 'route-not-found' })]);
  expect('error' in answer.body).toBe(url.startsWith('/v2/'));
});
