import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import yauzl from 'yauzl';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { Client, fixture, parseSafetensors, type Job } from './support/client.js';
import { startService, temporaryFolder, type Service } from './support/service.js';

let redis: PrivateRedis;
let service: Service;
let client: Client;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
  service = await startService('all', { REDIS_URL: redis.url, CAIRN_DATA_DIR: folder.path });
  client = new Client(service.url);
});

afterAll(async () => {
  expect(await service.end()).toBe(0);
  await redis.stop();
  await folder.remove();
});

describe('an image goes in over HTTP, a compressed pyramid comes out', () => {
  let done: Job;

  test('a raw body becomes a job that completes', async () => {
    const job = await client.submit(await fixture('astronaut.jpg'), 'size=128&levels=C2,C3,C4,C5');
    expect(job).toMatchObject({ state: expect.stringMatching(/queued|active/), weights: 'seeded' });
    done = await client.finish(job.id);
    expect(done).toMatchObject({ state: 'completed', attempts: 1, featuresId: job.featuresId });
    expect(done).toMatchObject({ precision: 'float32', progress: { percent: 100 } });
    expect(Object.keys(done.timings!)).toEqual(['preprocess', 'run', 'pack']);
    expect(await readdir(join(folder.path, 'features'))).toEqual([`${done.features!.id}.zarr.zip`]);
  });

  test('its description tells how it was made', async () => {
    const description = JSON.parse((await client.bytes(done.features!.href)).toString()) as Record<string, unknown>;
    expect(description).toMatchObject({
      id: done.features!.id,
      model: 'mask-rcnn-resnet50',
      engine: 'onnx',
      device: 'cpu',
      weights: 'seeded',
      originalShape: [512, 512, 3],
      size: 128,
      window: [0, 0, 128, 128],
      scale: 0.25,
      clipped: [],
    });
    expect(description['levels']).toEqual([
      { name: 'C2', shape: [32, 32, 256], dtype: 'float16', layout: 'nhwc', stride: 4, channels: 256 },
      { name: 'C3', shape: [16, 16, 512], dtype: 'float16', layout: 'nhwc', stride: 8, channels: 512 },
      { name: 'C4', shape: [8, 8, 1024], dtype: 'float16', layout: 'nhwc', stride: 16, channels: 1024 },
      { name: 'C5', shape: [4, 4, 2048], dtype: 'float16', layout: 'nhwc', stride: 32, channels: 2048 },
    ]);
  });

  test('safetensors bring the levels asked for, contiguous and with their strides', async () => {
    const { header, data } = parseSafetensors(await client.bytes(`${done.features!.href}.safetensors?levels=C3,C5`));
    expect(header['C3']).toEqual({ dtype: 'F16', shape: [16, 16, 512], data_offsets: [0, 262144] });
    expect(header['C5']).toEqual({ dtype: 'F16', shape: [4, 4, 2048], data_offsets: [262144, 327680] });
    expect(data.length).toBe(327680);
    expect(header['C2']).toBeUndefined();
    const repeated = await client.bytes(`${done.features!.href}.safetensors?levels=C3&levels=C5`);
    expect(Object.keys(parseSafetensors(repeated).header)).toEqual(['__metadata__', 'C3', 'C5']);
  });

  test('the archive is a zip whose ranges are bytes of the whole', async () => {
    const path = `${done.features!.href}.zarr.zip`;
    const whole = await client.bytes(path);
    const zip = await yauzl.fromBufferPromise(whole);
    const names: string[] = [];
    for await (const entry of zip.eachEntry()) names.push(entry.fileName);
    expect(names).toContain('zarr.json');
    expect(names).toContain('C5/c/0/0/0');

    const part = await fetch(service.url + path, { headers: { range: 'bytes=100-299' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 100-299/${whole.length}`);
    expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(100, 300))).toBe(true);
    const tail = await fetch(service.url + path, { headers: { range: 'bytes=-22' } });
    expect(Buffer.from(await tail.arrayBuffer()).readUInt32LE(0)).toBe(0x06054b50);
    const outside = await fetch(service.url + path, { headers: { range: `bytes=${whole.length}-` } });
    expect([outside.status, outside.headers.get('content-range')]).toEqual([416, `bytes */${whole.length}`]);

    const etag = part.headers.get('etag')!;
    expect((await fetch(service.url + path, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const changed = await fetch(service.url + path, { headers: { range: 'bytes=0-9', 'if-range': '"other"' } });
    expect([changed.status, (await changed.arrayBuffer()).byteLength]).toEqual([200, whole.length]);
    const head = await fetch(service.url + path, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(whole.length));
  });

  test('the same question again is answered from the store, without the queue', async () => {
    const response = await client.post('size=128&levels=C2,C3,C4,C5', new Uint8Array(await fixture('astronaut.jpg')));
    const job = (await response.json()) as Job;
    expect([response.status, job.state, job.features!.id]).toEqual([200, 'completed', done.features!.id]);
    expect(await client.job(job.id)).toEqual(job);
    expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`);
  });

  test('a form brings the file and its options', async () => {
    const form = new FormData();
    form.set('size', '64');
    form.set('levels', 'C5');
    form.set('image', new Blob([new Uint8Array(await fixture('landscape.jpg'))]), 'landscape.jpg');
    const response = await fetch(`${service.url}/v1/jobs`, { method: 'POST', body: form });
    expect(response.status).toBe(202);
    const job = await client.finish(((await response.json()) as Job).id);
    const { header } = parseSafetensors(await client.bytes(job.links['safetensors']!));
    expect(header['C5']!.shape).toEqual([2, 2, 2048]);
  });

  test('a URL is fetched by the worker; an answer of 404 fails the job at once, 503 is tried again', async () => {
    const image = await fixture('tiny.png');
    let failures = 1;
    const web = createServer((request, response) => {
      if (request.url === '/missing.png') response.writeHead(404).end();
      else if (request.url === '/flaky.png' && failures-- > 0) response.writeHead(503).end();
      else response.writeHead(200).end(image);
    }).listen(0, '127.0.0.1');
    await once(web, 'listening');
    const origin = () => `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
    const submit = async (path: string) => {
      const body = JSON.stringify({ source: { url: origin() + path }, size: 64, levels: ['C4'] });
      const response = await client.post('', body, { 'content-type': 'application/json' });
      expect(response.status).toBe(202);
      return client.finish(((await response.json()) as Job).id);
    };
    try {
      expect(await submit('/tiny.png')).toMatchObject({ state: 'completed', attempts: 1 });
      const missing = await submit('/missing.png');
      expect(missing).toMatchObject({ state: 'failed', attempts: 1, error: { code: 'url-rejected' } });
      // Its features are in the store by now: only the second attempt gets as far as finding them.
      expect(await submit('/flaky.png')).toMatchObject({ state: 'completed', attempts: 2 });
    } finally {
      web.close();
    }
  });

  test('events tell the state first, then what changes, and end with the job', async () => {
    const job = await client.submit(await fixture('portrait.png'), 'size=192&dtype=float32');
    const text = (await client.bytes(job.links['events']!)).toString();
    const events = text
      .split('\n\n')
      .filter((block) => block.startsWith('event'))
      .map((block) => {
        const [event, data] = block.split('\n').map((line) => line.slice(line.indexOf(' ') + 1));
        return { event, job: JSON.parse(data!) as Job };
      });
    expect(events[0]!.event).toBe('state');
    expect(events.some(({ event, job: { progress } }) => event === 'progress' && progress !== undefined)).toBe(true);
    expect(events.at(-1)!.job).toMatchObject({ state: 'completed', features: { id: job.featuresId } });
  });

  test('the catalogue, the health checks and the OpenAPI document answer', async () => {
    const { models, workers } = JSON.parse((await client.bytes('/v1/models')).toString()) as {
      models: Record<string, unknown>[];
      workers: Record<string, unknown>[];
    };
    expect(workers).toEqual([{ engine: 'onnx', device: 'cpu', host: hostname(), pid: service.process.pid }]);
    expect(models.length).toBeGreaterThan(20);
    expect(models.find((model) => model['name'] === 'mask-rcnn-resnet101')).toMatchObject({
      weights: 'seeded',
      weightsPresent: false,
      parameters: { total: 42_658_176 },
    });
    const one = await client.bytes('/v1/models/mask-rcnn-resnet50?size=256');
    expect(JSON.parse(one.toString())).toMatchObject({
      size: 256,
      weightsDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await fetch(`${service.url}/v1/models/resnet51`)).status).toBe(404);
    for (const path of ['/livez', '/readyz', '/docs']) expect((await fetch(service.url + path)).status).toBe(200);
    const openapi = JSON.parse((await client.bytes('/docs-json')).toString()) as { paths: Record<string, unknown> };
    expect(Object.keys(openapi.paths)).toEqual(
      expect.arrayContaining(['/v1/jobs', '/v1/jobs/{id}', '/v1/jobs/{id}/events', '/v1/features/{id}', '/v1/models']),
    );
  });
});
