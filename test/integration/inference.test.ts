import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { randomBytes } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { gzipSync, deflateSync } from 'node:zlib';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { EXTRACT_QUEUE } from '../../src/jobs/payload.js';
import { parseSafetensors } from '../support/safetensors-bytes.js';
import { Client, fixture } from './support/client.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

const MODEL = '/v2/models/mask-rcnn-resnet18';
const PREFIX = 'inference';

let redis: PrivateRedis;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let api: Service;
let worker: Service | undefined;
let client: Client;

const env = () => ({ REDIS_URL: redis.url, CAIRN_DATA_DIR: folder.path, CAIRN_QUEUE_PREFIX: PREFIX });

beforeAll(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
  api = await startService('api', env());
  client = new Client(api.url);
});

afterAll(async () => {
  expect(await worker?.end()).toBe(0);
  expect(await api.end()).toBe(0);
  await redis.stop();
  await folder.remove();
});

interface Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
  readonly data?: number[];
  readonly parameters?: { readonly binary_data_size?: number };
}

interface Answer {
  readonly id?: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly parameters: { readonly features: string };
  readonly outputs: Tensor[];
}

/** Random pixels, the same for the same seed. */
function pixels(height: number, width: number, seed = 1): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length: height * width * 3 }, () => (state = (state * 1103515245 + 12345) % 2 ** 31) >> 16),
  );
}

/** JSON, with the binary data behind it where there is any. */
function bodyOf(json: object, ...binary: Uint8Array[]): { body: Buffer; headers: Record<string, string> } {
  const text = Buffer.from(JSON.stringify(json));
  const headers: Record<string, string> =
    binary.length === 0 ? {} : { 'inference-header-content-length': String(text.length) };
  return { body: Buffer.concat([text, ...binary]), headers };
}

function post(path: string, { body, headers }: ReturnType<typeof bodyOf>, more: Record<string, string> = {}) {
  return fetch(api.url + path, { method: 'POST', body: new Uint8Array(body), headers: { ...headers, ...more } });
}

/** Splits an answer into its JSON and the bytes of each binary output. */
async function answerOf(response: Response): Promise<{ json: Answer; binary: Map<string, Buffer> }> {
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${response.status}: ${body.toString()}`);
  const header = response.headers.get('inference-header-content-length');
  expect(response.headers.get('content-type')).toBe(header === null ? 'application/json' : 'application/octet-stream');
  if (header !== null) expect(response.headers.get('content-length')).toBe(String(body.length));
  let at = header === null ? body.length : Number(header);
  const json = JSON.parse(body.subarray(0, at).toString()) as Answer;
  const binary = new Map<string, Buffer>();
  for (const { name, parameters } of json.outputs) {
    if (parameters?.binary_data_size === undefined) continue;
    binary.set(name, body.subarray(at, (at += parameters.binary_data_size)));
  }
  expect(at).toBe(body.length);
  return { json, binary };
}

/** The levels that an answer should have brought, one image behind the other, as /v1 serves them. */
async function served({ parameters }: Answer, name: string): Promise<Buffer> {
  const parts = await Promise.all(
    parameters.features.split(',').map(async (id) => {
      const file = await client.bytes(`/v1/features/${id}.safetensors?levels=${name}`);
      return parseSafetensors(file).tensors.get(name)!.data;
    }),
  );
  return Buffer.concat(parts);
}

async function refused(response: Response): Promise<[number, string]> {
  expect(response.headers.get('content-type')).toBe('application/json');
  const { error, code } = (await response.json()) as { error: string; code: string };
  expect(error.length).toBeGreaterThan(10);
  return [response.status, code];
}

/** The queue as BullMQ itself shows it. */
async function withQueue<T>(look: (queue: Queue) => Promise<T>): Promise<T> {
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue(EXTRACT_QUEUE, { connection, prefix: PREFIX });
  try {
    return await look(queue);
  } finally {
    await queue.close();
    connection.disconnect();
  }
}

async function status(path: string): Promise<[number, unknown]> {
  const response = await fetch(api.url + path);
  return [response.status, await response.json()];
}

const imageInput = (shape: number[], more: object = {}) => ({ name: 'image', datatype: 'UINT8', shape, ...more });
const binarySize = (binary_data_size: number) => ({ parameters: { binary_data_size } });

describe('without a worker', () => {
  test('the server lives and is not ready', async () => {
    expect(await status('/v2/health/live')).toEqual([200, { live: true }]);
    const error = 'No worker is connected.';
    expect(await status('/v2/health/ready')).toEqual([400, { ready: false, error }]);
    expect(await status(`${MODEL}/ready`)).toEqual([400, { name: 'mask-rcnn-resnet18', ready: false, error }]);
    const index = await fetch(`${api.url}/v2/repository/index`, { method: 'POST', body: '{"ready": true}' });
    expect(await index.json()).toEqual([]);
  });

  test('a client that goes away cancels its jobs', async () => {
    const gone = new AbortController();
    const input = imageInput([2, 64, 64, 3], binarySize(2 * 64 * 64 * 3));
    const asked = bodyOf({ inputs: [input], parameters: { size: 64 } }, pixels(64, 64, 8), pixels(64, 64, 9));
    const answer = fetch(`${api.url}${MODEL}/infer`, {
      method: 'POST',
      ...{ body: new Uint8Array(asked.body), headers: asked.headers, signal: gone.signal },
    });
    answer.catch(() => undefined);
    await withQueue(async (queue) => {
      await until(async () => (await queue.getPrioritizedCount()) === 2);
      const ids = (await queue.getPrioritized()).map(({ id }) => id!);
      expect((await client.job(ids[0]!)).state).toBe('queued');
      gone.abort();
      await expect(answer).rejects.toThrow(/abort/);
      for (const id of ids) await client.waitFor(id, ['cancelled'], 10_000);
    });
  });
});

describe('with a worker', () => {
  beforeAll(async () => {
    worker = await startService('worker', env());
  });

  test('the server becomes ready, and tells what it has', async () => {
    await until(async () => (await fetch(`${api.url}/v2/health/ready`)).status === 200);
    expect(await status('/v2/health/ready')).toEqual([200, { ready: true }]);
    for (const version of ['', '/versions/1']) expect((await status(`${MODEL}${version}/ready`))[0]).toBe(200);
    const [, server] = await status('/v2');
    expect(server).toMatchObject({ name: 'cairn', extensions: expect.arrayContaining(['binary_tensor_data']) });
    const [, metadata] = await status(`${MODEL}/versions/1`);
    expect(metadata).toMatchObject({
      name: 'mask-rcnn-resnet18',
      versions: ['1'],
      platform: 'cairn',
      inputs: [
        { name: 'image', datatype: 'UINT8', shape: [-1, -1, -1, 3] },
        { name: 'image_bytes', datatype: 'BYTES', shape: [-1] },
      ],
    });
    const { outputs } = metadata as { outputs: Tensor[] };
    expect(outputs.map(({ name }) => name).join()).toBe('C1,C2,C3,C4,C5,P2,P3,P4,P5,P6');
    expect(outputs[9]).toEqual({ name: 'P6', datatype: 'FP32', shape: [-1, 16, 16, 256] });
    // Its strides do not double: there is no pyramid.
    const [, other] = await status('/v2/models/scale-resnet101');
    expect((other as { outputs: Tensor[] }).outputs.map(({ name }) => name).join()).toBe('C1,C2,C3,C4,C5');
    expect((await status(`${MODEL}/config`))[1]).toMatchObject({
      max_batch_size: 0,
      input: [
        { data_type: 'TYPE_UINT8', optional: true },
        { data_type: 'TYPE_STRING', dims: [-1] },
      ],
    });
    const index = await fetch(`${api.url}/v2/repository/index`, { method: 'POST' });
    expect(await index.json()).toContainEqual({ name: 'mask-rcnn-resnet18', version: '1', state: 'READY', reason: '' });
  });

  test('numbers in JSON in, numbers in JSON out', async () => {
    const data = pixels(64, 64);
    const request = {
      id: 'question 1',
      inputs: [imageInput([64, 64, 3], { data: [...data] })],
      outputs: [{ name: 'C5' }, { name: 'C4' }],
      parameters: { size: 64 },
    };
    const type = { 'content-type': 'application/json' };
    const { json } = await answerOf(await post(`${MODEL}/infer`, bodyOf(request), type));
    expect(json).toMatchObject({ id: 'question 1', model_name: 'mask-rcnn-resnet18', model_version: '1' });
    expect(json.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual([
      ['C5', 'FP32', [1, 2, 2, 512]],
      ['C4', 'FP32', [1, 4, 4, 256]],
    ]);
    for (const { name, data } of json.outputs) {
      const expected = await served(json, name);
      const floats = new Float32Array(
        expected.buffer.slice(expected.byteOffset, expected.byteOffset + expected.length),
      );
      expect(data!.length).toBe(floats.length);
      expect(data!.every((value, i) => value === floats[i])).toBe(true);
    }
    // An image of the canvas' size goes into the network as it came.
    const [, features] = await status(`/v1/features/${json.parameters.features}`);
    expect(features).toMatchObject({ originalShape: [64, 64, 3], size: 64, model: 'mask-rcnn-resnet18', scale: 1 });
  });

  test.each([
    ['FP32', 4],
    ['FP16', 2],
  ])('two images in binary, the default levels out as %s', async (dtype, bytes) => {
    const input = imageInput([2, 48, 80, 3], binarySize(2 * 48 * 80 * 3));
    const parameters = { size: 128, dtype, binary_data_output: true };
    const asked = bodyOf({ inputs: [input], parameters }, pixels(48, 80, 2), pixels(48, 80, 3));
    const { json, binary } = await answerOf(await post(`${MODEL}/versions/1/infer`, asked));
    expect(json.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual([
      ['C2', dtype, [2, 32, 32, 64]],
      ['C3', dtype, [2, 16, 16, 128]],
      ['C4', dtype, [2, 8, 8, 256]],
      ['C5', dtype, [2, 4, 4, 512]],
    ]);
    expect(new Set(json.parameters.features.split(',')).size).toBe(2);
    for (const [name, level] of binary) expect(level.equals(await served(json, name))).toBe(true);
    expect(binary.get('C5')!.length).toBe(2 * 4 * 4 * 512 * bytes);
  });

  test('files as BYTES, and a pyramid in both forms', async () => {
    const file = await fixture('astronaut.jpg');
    const element = Buffer.concat([Buffer.alloc(4), file]);
    element.writeUInt32LE(file.length);
    const inputs = [{ name: 'image_bytes', datatype: 'BYTES', shape: [1, 1], ...binarySize(element.length) }];
    const outputs = [{ name: 'P6', parameters: { binary_data: false } }, { name: 'P2' }];
    const parameters = { size: 64, binary_data_output: true };
    const asked = bodyOf({ inputs, outputs, parameters }, element);
    const { json, binary } = await answerOf(await post(`${MODEL}/infer`, asked));
    expect(json.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['P6', [1, 1, 1, 256]],
      ['P2', [1, 16, 16, 256]],
    ]);
    expect(binary.get('P2')!.equals(await served(json, 'P2'))).toBe(true);
    expect(Buffer.from(Float32Array.from(json.outputs[0]!.data!).buffer).equals(await served(json, 'P6'))).toBe(true);
    // A job that asks the same has its answer already.
    const job = await client.post('model=mask-rcnn-resnet18&size=64&dtype=float32&levels=P2,P6', new Uint8Array(file));
    expect([job.status, await job.json()]).toMatchObject([200, { featuresId: json.parameters.features }]);
  });

  test('the whole body may be the file', async () => {
    const body = await fixture('tiny.png');
    const headers = { 'inference-header-content-length': '0' };
    const { json, binary } = await answerOf(await post(`${MODEL}/infer`, { body, headers }));
    expect(json.outputs[3]).toMatchObject({ name: 'C5', shape: [1, 32, 32, 512], datatype: 'FP32' });
    expect(binary.get('C5')!.equals(await served(json, 'C5'))).toBe(true);
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('requests may be compressed by %s', async (encoding, compress) => {
    const input = imageInput([1, 64, 64, 3], binarySize(64 * 64 * 3));
    const asked = bodyOf({ inputs: [input], outputs: [{ name: 'C5' }], parameters: { size: 64 } }, pixels(64, 64));
    const compressed = { ...asked, body: compress(asked.body) };
    const { json } = await answerOf(await post(`${MODEL}/infer`, compressed, { 'content-encoding': encoding }));
    expect(json.outputs[0]!.shape).toEqual([1, 2, 2, 512]);
    const broken = { ...asked, body: compressed.body.subarray(0, -20) };
    const answer = await post(`${MODEL}/infer`, broken, { 'content-encoding': encoding });
    expect(await refused(answer)).toEqual([400, 'request-malformed']);
  });

  test('an image that does not decode fails the request as it fails its job', async () => {
    const file = await fixture('truncated.jpg');
    const inputs = [{ name: 'image_bytes', datatype: 'BYTES', shape: [1], data: [file.toString('base64')] }];
    const answer = await post(`${MODEL}/infer`, bodyOf({ inputs, parameters: { size: 64 } }));
    expect(await refused(answer)).toEqual([422, 'image-corrupt']);
  });

  test('when one image fails, nobody waits for the others: their jobs are cancelled', async () => {
    const names = ['truncated.jpg', 'astronaut.jpg', 'landscape.jpg', 'portrait.png', 'palette.png', 'alpha.png'];
    const more = ['square-128.png', 'square-1024.png', 'tiny.png', 'cmyk.jpg', 'sixteen-bit.png'];
    const files = await Promise.all([...names, ...more].map(fixture));
    const data = files.map((file) => file.toString('base64'));
    const inputs = [{ name: 'image_bytes', datatype: 'BYTES', shape: [files.length], data }];
    const outputs = [{ name: 'C5', parameters: { binary_data: true } }];
    const known = new Set((await withQueue((queue) => queue.getJobs())).map(({ id }) => id));
    const asked = bodyOf({ inputs, outputs, parameters: { size: 1024 } });
    expect(await refused(await post(`${MODEL}/infer`, asked))).toEqual([422, 'image-corrupt']);
    const jobs = (await withQueue((queue) => queue.getJobs())).filter(({ id }) => !known.has(id));
    const states = await Promise.all(jobs.map(async ({ id }) => (await client.finish(id!)).state));
    expect(states.filter((state) => state === 'failed').length).toBe(1);
    // Those that waited have left the queue; those that ran are ended.
    const left = files.length - states.length;
    expect(left + states.filter((state) => state === 'cancelled').length).toBeGreaterThan(0);
  });

  const tiny = imageInput([1, 1, 3], { data: [1, 2, 3] });
  test.each([
    ['/v2/models/no-such-model/infer', { inputs: [tiny] }, 404, 'model-not-found'],
    [`${MODEL}/versions/2/infer`, { inputs: [tiny] }, 404, 'model-not-found'],
    [`${MODEL}/infer`, { inputs: [] }, 400, 'request-malformed'],
    [`${MODEL}/infer`, { inputs: [tiny], outputs: [{ name: 'C7' }] }, 400, 'level-unknown'],
    [`${MODEL}/infer`, { inputs: [imageInput([1e9, 1e9, 3], { data: [] })] }, 413, 'image-too-large'],
    [`${MODEL}/infer/more`, { inputs: [tiny] }, 404, 'route-not-found'],
  ])('%s of %j is refused in the form of the protocol', async (path, json, expected, code) => {
    expect(await refused(await post(path, bodyOf(json)))).toEqual([expected, code]);
  });

  test.each(['identity', 'gzip', 'br'])('a refused body (%s) leaves the connection in order', async (encoding) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (method: string, path: string, body?: Buffer, headers = {}) =>
      new Promise<[number, number | undefined]>((resolve, reject) => {
        const asked = httpRequest(api.url + path, { method, agent, headers }, (answer) => {
          // The socket goes back to the agent with the end of the answer.
          const port = answer.socket.localPort;
          answer.resume().once('end', () => resolve([answer.statusCode!, port]));
        });
        asked.once('error', reject).end(body);
      });
    try {
      // The length of the first element lies, and five megabytes follow it.
      const input = { name: 'image_bytes', datatype: 'BYTES', shape: [1], ...binarySize(10) };
      const { body, headers } = bodyOf({ inputs: [input] }, Buffer.alloc(4, 255), randomBytes(5 << 20));
      const sent = encoding === 'gzip' ? gzipSync(body) : body;
      const first = await ask('POST', `${MODEL}/infer`, sent, { ...headers, 'content-encoding': encoding });
      const second = await ask('GET', '/v2/health/live');
      expect([first[0], second[0], second[1] === first[1]]).toEqual([400, 200, true]);
    } finally {
      agent.destroy();
    }
  });

  test('what claims to be compressed harms nobody, also where nobody reads it', async () => {
    const garbage = { body: randomBytes(1 << 20), headers: { 'content-encoding': 'gzip' } };
    expect(await refused(await post('/v2/models/no-such-model/infer', garbage))).toEqual([404, 'model-not-found']);
    const lying = { ...garbage, headers: { ...garbage.headers, 'inference-header-content-length': '-5' } };
    expect(await refused(await post(`${MODEL}/infer`, lying))).toEqual([400, 'request-malformed']);
    expect(await refused(await post(`${MODEL}/infer`, garbage))).toEqual([400, 'request-malformed']);
    const bomb = { body: gzipSync(Buffer.alloc(64 << 20)), headers: garbage.headers };
    expect(await refused(await post(`${MODEL}/infer`, bomb))).toEqual([413, 'upload-too-large']);
    expect((await status('/v2/health/live'))[0]).toBe(200);
  });

  test('without Redis the server is not ready, and does not infer', async () => {
    await redis.stop();
    await until(async () => (await fetch(`${api.url}/v2/health/ready`)).status === 400);
    expect(await status('/v2/health/ready')).toEqual([400, { ready: false, error: expect.stringMatching(/Redis/) }]);
    expect((await status('/v2/health/live'))[0]).toBe(200);
    const input = imageInput([1, 1, 3], { data: [9, 9, 9] });
    const answer = await post(`${MODEL}/infer`, bodyOf({ inputs: [input], parameters: { size: 64 } }));
    expect([...(await refused(answer)), answer.headers.get('retry-after')]).toEqual([503, 'queue-unavailable', '2']);
  });
});
