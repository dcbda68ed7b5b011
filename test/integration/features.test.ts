import { Decoder } from '@toondepauw/node-zstd';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { get, request, type IncomingMessage } from 'node:http';
import { writeArchive } from '../../src/features/archive-writer.js';
import { archiveKey } from '../../src/features/feature-set.js';
import { FileStore } from '../../src/features/store/file-store.js';
import { loadZstd } from '../../src/formats/zstd.js';
import { collect } from '../support/chunks.js';
import { openFilesBelow } from '../support/open-files.js';
import { numberLevel, pyramid, setOf } from '../support/pyramids.js';
import { parseSafetensors } from '../support/safetensors-bytes.js';
import { readZarrArray, unzip } from '../support/zarr.js';
import { Client, type Problem } from './support/client.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

/** What is served here needs no queue. */
const NO_REDIS = 'redis://127.0.0.1:1';
const SIZE = 512;
const JSON_TYPE = { 'content-type': 'application/json' };

const set = pyramid(SIZE, 64, 'float16');
const wide = setOf([numberLevel('C4', [32, 32, 32], 16), numberLevel('C5', [16, 16, 64], 32)], SIZE);
Object.assign(wide.description, { id: '12'.repeat(32) });
const base = `/v1/features/${set.description.id}`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;
let client: Client;
let archive: Buffer;

beforeAll(async () => {
  folder = await temporaryFolder();
  const store = new FileStore(folder.path);
  const zstd = await loadZstd();
  for (const each of [set, wide]) await store.put(archiveKey(each.description.id), writeArchive(each, zstd));
  service = await startService('api', { REDIS_URL: NO_REDIS, CAIRN_DATA_DIR: folder.path });
  client = new Client(service.url);
  archive = await client.bytes(`${base}.zarr.zip`);
});

afterAll(async () => {
  expect(await service.end()).toBe(0);
  await folder.remove();
});

function askRegions(body: unknown, path = base): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(`${service.url}${path}/roi-align`, { method: 'POST', body: text, headers: JSON_TYPE });
}

async function refused(response: Response): Promise<[number, string]> {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = (await response.json()) as Problem;
  expect(problem.detail.length).toBeGreaterThan(10);
  return [response.status, problem.code];
}

/** Waits until the service has no archive open. */
const allClosed = () =>
  until(
    () => openFilesBelow(folder.path, service.process.pid).length === 0,
    5000,
    () => `open: ${openFilesBelow(folder.path, service.process.pid).join()}`,
  );

describe('regions', () => {
  const boxes = [
    [10, 20, 40, 90],
    [0, 0, 500, 500],
    [-50, -50, -10, -10],
  ];

  test('come as safetensors of the length that was announced', async () => {
    const response = await askRegions({ boxes, outputSize: [5, 7] });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
    const file = Buffer.from(await response.arrayBuffer());
    expect(response.headers.get('content-length')).toBe(String(file.length));
    const { tensors, metadata } = parseSafetensors(file);
    expect([...tensors.keys()]).toEqual(['regions', 'levels']);
    expect(tensors.get('regions')).toMatchObject({ dtype: 'F32', shape: [3, 5, 7, 64] });
    expect([...tensors.get('levels')!.data]).toEqual([2, 5, 2]);
    expect(
      tensors
        .get('regions')!
        .data.subarray(-5 * 7 * 64 * 4)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(metadata).toMatchObject({ method: 'matterport', id: set.description.id });
    await allClosed();
  });

  test('orders and coordinates are what the client says', async () => {
    const regions = async (body: object) =>
      parseSafetensors(Buffer.from(await (await askRegions(body)).arrayBuffer())).tensors.get('regions')!.data;
    const pixels = await regions({ method: 'detectron2', boxes: [[64, 128, 192, 384]] });
    const others = [
      { format: 'yxyx', boxes: [[128, 64, 384, 192]] },
      { coordinates: 'normalized', boxes: [[0.125, 0.25, 0.375, 0.75]] },
      { coordinates: 'normalized', format: 'yxyx', boxes: [[0.25, 0.125, 0.75, 0.375]] },
    ];
    for (const other of others) expect((await regions({ method: 'detectron2', ...other })).equals(pixels)).toBe(true);
    expect((await regions({ method: 'torchvision', boxes: [[64, 128, 192, 384]] })).equals(pixels)).toBe(false);
  });

  test.each([
    ['nothing', '', 400, 'request-malformed'],
    ['half of JSON', '{"boxes": [[', 400, 'request-malformed'],
    ['NaN, which is not JSON', '{"boxes": [[0, 0, NaN, 1]]}', 400, 'request-malformed'],
    ['a number that becomes infinite', '{"boxes": [[0, 0, 1e999, 1]]}', 400, 'option-invalid'],
    ['a box too far away', { boxes: [[0, 0, 1e6, 1]] }, 400, 'option-invalid'],
    ['an inverted box', { boxes: [[9, 9, 1, 1]], method: 'torchvision' }, 400, 'option-invalid'],
    ['too many boxes', { boxes: Array(10_001).fill([0, 0, 1, 1]) }, 400, 'option-invalid'],
    ['regions too large', { boxes, outputSize: [64, 65] }, 400, 'option-invalid'],
    ['another option', { boxes, stride: 4 }, 400, 'option-unknown'],
    ['a level that is not held', { boxes, levels: ['P2', 'C2'] }, 400, 'level-absent'],
    ['a body that is too large', { boxes: [], levels: ['x'.repeat(2 << 20)] }, 413, 'upload-too-large'],
  ])('%s is refused', async (_, body, status, code) => {
    expect(await refused(await askRegions(body))).toEqual([status, code]);
    await allClosed();
  });

  test('levels of different widths are unsuitable, one of them is not', async () => {
    const path = `/v1/features/${wide.description.id}`;
    expect(await refused(await askRegions({ boxes }, path))).toEqual([400, 'levels-unsuitable']);
    const one = await askRegions({ boxes, levels: ['C5'] }, path);
    const { tensors } = parseSafetensors(Buffer.from(await one.arrayBuffer()));
    expect([tensors.get('regions')!.shape, [...tensors.get('levels')!.data]]).toEqual([
      [3, 7, 7, 64],
      [5, 5, 5],
    ]);
  });

  test('what is not JSON, or of no feature set, is refused', async () => {
    const image = await fetch(`${service.url}${base}/roi-align`, { method: 'POST', body: new Uint8Array(9) });
    expect(await refused(image)).toEqual([400, 'request-malformed']);
    const nowhere = await askRegions({ boxes }, `/v1/features/${'0'.repeat(64)}`);
    expect(await refused(nowhere)).toEqual([404, 'features-not-found']);
  });

  test('10,000 boxes, with as many digits as a number can have, are few enough', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => [1, 2, 3, 4].map((n) => n + 1 / (i + 3)));
    const response = await askRegions({ boxes: many, outputSize: 1, levels: ['P5'] });
    const { tensors } = parseSafetensors(Buffer.from(await response.arrayBuffer()));
    expect(tensors.get('regions')!.shape).toEqual([10_000, 1, 1, 64]);
  });

  test('a client that goes away leaves nothing open, and others are answered meanwhile', async () => {
    // 500 whole images in 64 × 64 bins are 524 MB, just within the limit, which the client does not read.
    const body = JSON.stringify({ boxes: Array(500).fill([0, 0, SIZE, SIZE]), outputSize: 64 });
    const asking = request(`${service.url}${base}/roi-align`, { method: 'POST', headers: JSON_TYPE }).end(body);
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(500 * 64 * 64 * 64 * 4);
    await once(answer, 'readable');
    if (process.platform === 'linux') {
      expect(openFilesBelow(folder.path, service.process.pid)).toHaveLength(1);
    }
    expect((await fetch(`${service.url}/livez`)).status).toBe(200);
    answer.destroy();
    await allClosed();
  });
});

describe('a window of the levels', () => {
  test('is what the archive has there', async () => {
    const path = `${base}.safetensors?levels=P2,P4&window=100,33,203.5,400&order=coarse-first`;
    const { tensors, metadata } = parseSafetensors(await client.bytes(path));
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['P4', [7, 23, 64]],
      ['P2', [26, 92, 64]],
    ]);
    expect(metadata['origins']).toBe('{"P4":[6,2],"P2":[25,8]}');
    const { data } = await readZarrArray(await unzip(archive), 'P4');
    const row = (y: number) => data.subarray((y * 32 + 2) * 128, (y * 32 + 25) * 128);
    expect(tensors.get('P4')!.data.equals(Buffer.concat([6, 7, 8, 9, 10, 11, 12].map(row)))).toBe(true);
  });

  test.each(['window=1,2,3', 'window=0,0,600,600', 'order=random', 'windows=0,0,1,1', 'levels=P9'])(
    '%s is refused, and the archive closed',
    async (query) => {
      const [status, code] = await refused(await fetch(`${service.url}${base}.safetensors?${query}`));
      expect([status, code]).toEqual([400, expect.stringMatching(/^(option-(invalid|unknown)|level-absent)$/)]);
      await allClosed();
    },
  );

  test('a client that goes away leaves nothing open', async () => {
    for (const headers of [{}, { 'accept-encoding': 'zstd' }]) {
      const asking = get(`${service.url}${base}.safetensors`, { headers });
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      await once(answer, 'readable');
      answer.destroy();
      await allClosed();
    }
  });
});

describe('zstd as a content coding', () => {
  async function fetchRaw(path: string, coding: string) {
    const [answer] = (await once(get(service.url + path, { headers: { 'accept-encoding': coding } }), 'response')) as [
      IncomingMessage,
    ];
    return { headers: answer.headers, body: await collect(answer as AsyncIterable<Uint8Array>) };
  }

  test('whole levels are smaller by it, of the length that was announced, and the same', async () => {
    const plain = await fetchRaw(`${base}.safetensors`, 'gzip, deflate, br, zstd');
    const coded = await fetchRaw(`${base}.safetensors`, 'zstd, gzip;q=0.5');
    expect(plain.headers).toMatchObject({ vary: 'accept-encoding', 'content-length': String(plain.body.length) });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(coded.headers).toMatchObject({
      vary: 'accept-encoding',
      'content-encoding': 'zstd',
      'content-length': String(coded.body.length),
    });
    expect(coded.body.length).toBeLessThan(plain.body.length);
    expect((await new Decoder().decode(coded.body)).equals(plain.body)).toBe(true);
  });

  test('a window is coded on the way', async () => {
    const path = `${base}.safetensors?window=0,0,100,100`;
    const coded = await fetchRaw(path, 'zstd');
    expect(coded.headers['content-length']).toBeUndefined();
    expect((await new Decoder().decode(coded.body)).equals(await client.bytes(path))).toBe(true);
  });

  test('HEAD announces the same', async () => {
    for (const coding of ['zstd', 'identity']) {
      const headers = { 'accept-encoding': coding };
      const asking = request(`${service.url}${base}.safetensors`, { method: 'HEAD', headers }).end();
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      answer.resume();
      const { body } = await fetchRaw(`${base}.safetensors`, coding);
      expect(answer.headers['content-length']).toBe(String(body.length));
    }
    await allClosed();
  });
});

describe('the archive as a remote Zarr group', () => {
  test('every entry is served as it lies in the zip', async () => {
    const files = await unzip(archive);
    expect(files.size).toBeGreaterThan(9);
    for (const [path, content] of files) {
      const response = await fetch(`${service.url}${base}.zarr/${path}`);
      expect(response.headers.get('content-type')).toBe(
        path.endsWith('.json') ? 'application/json' : 'application/octet-stream',
      );
      expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
    }
    await allClosed();
  });

  test('with ranges, validators and HEAD', async () => {
    const url = `${service.url}${base}.zarr/P2/c/1/0/0`;
    const content = (await unzip(archive)).get('P2/c/1/0/0')!;
    const part = await fetch(url, { headers: { range: 'bytes=7-99' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 7-99/${content.length}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(7, 100))).toBe(true);
    const outside = await fetch(url, { headers: { range: `bytes=${content.length}-` } });
    expect([outside.status, outside.headers.get('content-range')]).toEqual([416, `bytes */${content.length}`]);
    const head = await fetch(url, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(content.length));
    expect(head.headers.get('cache-control')).toContain('immutable');
    const known = { 'if-none-match': head.headers.get('etag')! };
    expect((await fetch(url, { headers: known })).status).toBe(304);
    await allClosed();
  });

  test.each([
    '',
    'P2',
    'P2/',
    'P2/c/99/0/0',
    'P9/zarr.json',
    '.zgroup',
    'P2/..%2fzarr.json',
    '..%2f..%2fsecret',
    'P2/%00',
    'zarr.json/',
    '/zarr.json',
    '__proto__',
  ])('"%s" is not found, in the form of every error', async (path) => {
    const response = await fetch(`${service.url}${base}.zarr/${path}`);
    expect(await refused(response)).toEqual([404, 'features-not-found']);
    await allClosed();
  });

  test('of a feature set that there is not, nothing is found', async () => {
    const response = await fetch(`${service.url}/v1/features/${'0'.repeat(64)}.zarr/zarr.json`);
    expect(await refused(response)).toEqual([404, 'features-not-found']);
  });
});

test('the description links to all of it, and the OpenAPI document has it', async () => {
  const { links } = JSON.parse((await client.bytes(base)).toString()) as { links: Record<string, string> };
  expect(links).toEqual({
    self: base,
    safetensors: `${base}.safetensors`,
    archive: `${base}.zarr.zip`,
    zarr: `${base}.zarr`,
    regions: `${base}/roi-align`,
  });
  const openapi = JSON.parse((await client.bytes('/docs-json')).toString()) as { paths: Record<string, object> };
  expect(Object.keys(openapi.paths['/v1/features/{id}/roi-align']!)).toEqual(['post']);
});
