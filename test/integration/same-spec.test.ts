import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { zeroKerasFile } from '../support/keras-file.js';
import { fixture } from './support/client.js';
import { endOf, ENDED_WELL, startService, temporaryFolder, until, type Service } from './support/service.js';

/**
 * A weights file with a pyramid, so that requests without `levels` depend on what it holds. The API and the worker
 * have a copy each: the API's copy is damaged once the API is up, so opening it again would fail.
 */
const MODEL = 'mask-rcnn-resnet18';
const PYRAMID = ['P2', 'P3', 'P4', 'P5', 'P6'];
const LONG_AGO = new Date('2020-01-01T00:00:00Z');
const IMAGES = 64;
const SIDE = 64;

let redis: PrivateRedis;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let api: Service;
let worker: Service;

beforeAll(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
  const of = (role: string) => join(folder.path, role);
  for (const role of ['api', 'worker']) await mkdir(of(role));
  const file = await zeroKerasFile(of('api'), MODEL, PYRAMID);
  await copyFile(file, join(of('worker'), `${MODEL}.h5`));
  await utimes(file, LONG_AGO, LONG_AGO);
  const env = (role: string) => ({
    REDIS_URL: redis.url,
    CAIRN_DATA_DIR: of('data'),
    CAIRN_WEIGHTS_DIR: of(role),
    CAIRN_ENGINE: 'onnx',
    CAIRN_DEVICE: 'cpu',
  });
  api = await startService('api', env('api'));
  worker = await startService('worker', env('worker'));
  const { size } = await stat(file);
  await writeFile(file, Buffer.alloc(size, 0xff));
  await utimes(file, LONG_AGO, LONG_AGO);
}, 120_000);

afterAll(async () => {
  for (const service of [worker, api]) expect(await endOf(service)).toEqual(ENDED_WELL);
  await redis.stop();
  await folder.remove();
});

const threads = async () => (await readdir(`/proc/${api.process.pid}/task`)).length;

/** The whole answer: one that is not read would keep its connection, and the service, from ending. */
async function infer(count: number, parameters: object = {}): Promise<Response> {
  const pixels = Buffer.alloc(count * SIDE * SIDE * 3, 0).map((_, i) => (i * 7919) >> 5);
  const input = { name: 'image', datatype: 'UINT8', shape: [count, SIDE, SIDE, 3] };
  const json = Buffer.from(
    JSON.stringify({
      inputs: [{ ...input, parameters: { binary_data_size: pixels.length } }],
      parameters: { size: SIDE, binary_data_output: true, ...parameters },
    }),
  );
  const headers = { 'inference-header-content-length': String(json.length) };
  const body = Buffer.concat([json, pixels]);
  const answer = await fetch(`${api.url}/v2/models/${MODEL}/infer`, { method: 'POST', headers, body });
  return new Response(await answer.arrayBuffer(), answer);
}

test(`${IMAGES} images without outputs open no weights file and start no threads`, async () => {
  // The threads of libuv and of sharp start with the first work.
  expect((await infer(2)).status).toBe(200);
  const idle = await threads();
  let most = 0;
  const watch = setInterval(() => void threads().then((now) => (most = Math.max(most, now))), 2);
  const answer = await infer(IMAGES);
  clearInterval(watch);
  expect(answer.status).toBe(200);
  const head = Buffer.from(await answer.arrayBuffer());
  const length = Number(answer.headers.get('inference-header-content-length'));
  const { outputs } = JSON.parse(head.toString('utf8', 0, length)) as { outputs: { name: string; shape: number[] }[] };
  expect(outputs.map(({ name, shape }) => [name, shape[0]])).toEqual(PYRAMID.map((name) => [name, IMAGES]));
  if (process.platform === 'linux') expect(most).toBeLessThanOrEqual(idle + 4);
}, 120_000);

interface Job {
  readonly featuresId: string;
}
const json = async <T>(answer: Response) => (await answer.json()) as T;

test('every door means the same by the same options: one id', async () => {
  const photo = await fixture('astronaut.jpg');
  const sha256 = createHash('sha256').update(photo).digest('hex');
  const text = `model=${MODEL}&size=${SIDE}&dtype=float32`;
  const typed = { model: MODEL, size: SIDE, dtype: 'float32' };
  const post = (path: string, body: string | Buffer | FormData, headers: Record<string, string> = {}) =>
    fetch(api.url + path, { method: 'POST', body, headers });

  const extracted = await post(`/v1/extract?${text}`, photo);
  const id = /features\/([0-9a-f]{64})/.exec(extracted.headers.get('content-location')!)![1];
  await extracted.arrayBuffer();

  const byBody = await json<Job>(await post(`/v1/jobs?${text}`, photo));
  const asked = JSON.stringify({ source: { sha256 }, ...typed, levels: PYRAMID });
  const byJson = await json<Job>(await post('/v1/jobs', asked, { 'content-type': 'application/json' }));
  const form = new FormData();
  for (const [name, value] of Object.entries(typed)) form.set(name, String(value));
  form.set('file', new Blob([photo]), 'photo.jpg');
  const byForm = await json<Job>(await post('/v1/jobs', form));
  expect([byBody, byJson, byForm].map(({ featuresId }) => featuresId)).toEqual([id, id, id]);

  const lines = `${JSON.stringify({ source: { sha256 } })}\n${JSON.stringify({ source: { sha256 }, levels: PYRAMID.join() })}\n`;
  const ndjson = { 'content-type': 'application/x-ndjson' };
  const batch = await json<{ id: string }>(await post(`/v1/batches?${text}`, lines, ndjson));
  let results: { features: { id: string } }[] = [];
  await until(async () => {
    const page = await json<{ results: typeof results }>(await fetch(`${api.url}/v1/batches/${batch.id}/results`));
    results = page.results;
    return results.length === 2;
  });
  expect(results.map(({ features }) => features.id)).toEqual([id, id]);

  const inferred = await post(`/v2/models/${MODEL}/infer`, inferenceOf(photo));
  expect((await json<{ parameters: object }>(inferred)).parameters).toMatchObject({ features: id });
}, 120_000);

/** The image as base64 in JSON, with its options as typed parameters. */
function inferenceOf(photo: Buffer): string {
  const input = { name: 'image_bytes', datatype: 'BYTES', shape: [1], data: [photo.toString('base64')] };
  return JSON.stringify({ inputs: [input], parameters: { size: SIDE, dtype: 'FP32' } });
}
