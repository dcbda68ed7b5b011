import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client as AnyClient, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, fixture } from './support/client.js';
import { GrpcClient } from './support/grpc-client.js';
import { until, type Service } from './support/service.js';
import { useSharedService } from './support/use-service.js';
import type { InferResponse } from '../../src/api/grpc/messages.js';

const MODEL = 'mask-rcnn-resnet18';
const SIDE = 64;
const KEY = 'cairn_of_the_test';
const services = useSharedService({ env: { CAIRN_GRPC_PORT: '0', CAIRN_DEVICE: 'cpu' } });

let service: Service;
let grpc: GrpcClient;

const addressOf = (running: Service) => /gRPC on (\S+)/.exec(running.log())![1]!;

beforeAll(async () => {
  service = await services.start('all');
  grpc = new GrpcClient(addressOf(service));
  await until(async () => (await grpc.call<{ ready: boolean }>('ServerReady', {})).ready);
}, 60_000);
afterAll(() => grpc.close());

interface StreamMessage {
  readonly error_message: string;
  readonly infer_response: InferResponse;
}

/** Random pixels, the same for the same seed. */
function pixels(count: number, seed: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length: count * SIDE * SIDE * 3 }, () => (state = (state * 1103515245 + 12345) % 2 ** 31) >> 16),
  );
}

const image = (count: number) => ({ name: 'image', datatype: 'UINT8', shape: [count, SIDE, SIDE, 3] });
const parameters = { size: { int64_param: SIDE } };
const request = (count: number, seed: number, levels: string[], more = {}) => ({
  model_name: MODEL,
  id: 'mine',
  parameters: { ...parameters, ...more },
  inputs: [image(count)],
  outputs: levels.map((name) => ({ name })),
  raw_input_contents: [pixels(count, seed)],
});

/** The same by REST: bytes of each output. */
async function byRest(count: number, seed: number, levels: string[], more = {}): Promise<Map<string, Buffer>> {
  const data = pixels(count, seed);
  const json = Buffer.from(
    JSON.stringify({
      parameters: { size: SIDE, binary_data_output: true, ...more },
      inputs: [{ ...image(count), parameters: { binary_data_size: data.length } }],
      outputs: levels.map((name) => ({ name })),
    }),
  );
  const response = await fetch(`${service.url}/v2/models/${MODEL}/infer`, {
    method: 'POST',
    headers: { 'inference-header-content-length': String(json.length) },
    body: Buffer.concat([json, data]),
  });
  const body = Buffer.from(await response.arrayBuffer());
  let at = Number(response.headers.get('inference-header-content-length'));
  const answer = JSON.parse(body.toString('utf8', 0, at)) as {
    outputs: { name: string; parameters: { binary_data_size: number } }[];
  };
  return new Map(
    answer.outputs.map(({ name, parameters: { binary_data_size: size } }) => {
      const bytes = body.subarray(at, at + size);
      at += size;
      return [name, bytes];
    }),
  );
}

const failure = async (work: Promise<unknown>) => {
  const error = (await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as ServiceError;
  return [error.code, error.metadata.get('cairn-code')[0]];
};

describe('the Open Inference Protocol over gRPC', () => {
  test('tells what the server and its models are', async () => {
    expect(await grpc.call('ServerLive', {})).toEqual({ live: true });
    expect(await grpc.call('ServerMetadata', {})).toMatchObject({ name: 'cairn', version: expect.any(String) });
    expect(await grpc.call('ModelReady', { name: MODEL })).toEqual({ ready: true });
    const rest: unknown = await (await fetch(`${service.url}/v2/models/${MODEL}`)).json();
    expect(await grpc.call('ModelMetadata', { name: MODEL, version: '1' })).toEqual(rest);
    const { models } = await grpc.call<{ models: unknown[] }>('RepositoryIndex', { ready: true });
    expect(models).toContainEqual({ name: MODEL, version: '1', state: 'READY', reason: '' });
  });

  test('gives the bits that REST gives, in the order asked for', async () => {
    const levels = ['C5', 'P2', 'C3'];
    const response = await grpc.call<InferResponse>('ModelInfer', request(2, 7, levels));
    expect(response).toMatchObject({ model_name: MODEL, model_version: '1', id: 'mine' });
    expect(response.outputs).toEqual([
      { name: 'C5', datatype: 'FP32', shape: [2, 2, 2, 512], parameters: {}, contents: null },
      { name: 'P2', datatype: 'FP32', shape: [2, 16, 16, 256], parameters: {}, contents: null },
      { name: 'C3', datatype: 'FP32', shape: [2, 8, 8, 128], parameters: {}, contents: null },
    ]);
    const rest = await byRest(2, 7, levels);
    expect(response.raw_output_contents.map((bytes) => Buffer.from(bytes))).toEqual(
      levels.map((name) => rest.get(name)),
    );
    const [first] = response.parameters['features']!.string_param!.split(',');
    expect((await fetch(`${service.url}/v1/features/${first}`)).status).toBe(200);
  });

  test('takes files, and integers have their scales', async () => {
    const file = await fixture('astronaut.jpg');
    const asked = {
      model_name: MODEL,
      parameters: { ...parameters, dtype: { string_param: 'UINT8' } },
      inputs: [{ name: 'image_bytes', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [file] } }],
      outputs: [{ name: 'C4' }],
    };
    const response = await grpc.call<InferResponse>('ModelInfer', asked);
    const [output] = response.outputs;
    expect(output).toMatchObject({ datatype: 'UINT8', shape: [1, 4, 4, 256] });
    expect(Number(output!.parameters['scale']!.string_param)).toBeGreaterThan(0);
    const client = new Client(service.url);
    const query = `model=${MODEL}&size=${SIDE}&levels=C4&dtype=uint8`;
    const stored = await client.post(query, new Uint8Array(file), { 'content-type': 'image/jpeg' });
    const { featuresId } = (await stored.json()) as { featuresId: string };
    expect(response.parameters['features']).toMatchObject({ string_param: featuresId });
  });

  test('numbers instead of raw contents', async () => {
    const data = pixels(1, 3);
    const asked = { ...request(1, 3, ['C5']), raw_input_contents: [] };
    const inputs = [{ ...image(1), contents: { uint_contents: [...data] } }];
    const [a, b] = await Promise.all([
      grpc.call<InferResponse>('ModelInfer', { ...asked, inputs }),
      grpc.call<InferResponse>('ModelInfer', request(1, 3, ['C5'])),
    ]);
    expect(a.raw_output_contents).toEqual(b.raw_output_contents);
  });

  test('a stream has one level per response, and goes on after a request that fails', async () => {
    const call = grpc.stream<StreamMessage>('ModelStreamInfer');
    for (const asked of [request(1, 8, ['C5', 'C2']), { ...request(1, 8, ['C9']), id: 'bad' }, request(1, 8, ['C3'])]) {
      call.write(asked);
    }
    call.end();
    const found: StreamMessage[] = [];
    for await (const message of call) found.push(message as StreamMessage);
    const rest = await byRest(1, 8, ['C5', 'C2', 'C3']);
    expect(
      found.map(({ error_message, infer_response: { outputs } }) => [error_message, outputs.map(({ name }) => name)]),
    ).toEqual([
      ['', ['C5']],
      ['', ['C2']],
      [expect.stringContaining('[level-unknown]'), []],
      ['', ['C3']],
    ]);
    expect(found[2]!.infer_response.id).toBe('bad');
    expect([0, 1, 3].map((i) => found[i]!.infer_response.parameters['triton_final_response']!.bool_param)).toEqual([
      false,
      true,
      true,
    ]);
    for (const i of [0, 1, 3]) {
      const { outputs, raw_output_contents: raw } = found[i]!.infer_response;
      expect(Buffer.from(raw[0]!).equals(rest.get(outputs[0]!.name)!)).toBe(true);
    }
  });

  test('errors have the codes of REST', async () => {
    const bad = (change: object) => failure(grpc.call('ModelInfer', { ...request(1, 1, ['C5']), ...change }));
    expect(await bad({ model_name: 'resnet' })).toEqual([status.NOT_FOUND, 'model-not-found']);
    expect(await bad({ model_version: '2' })).toEqual([status.NOT_FOUND, 'model-not-found']);
    expect(await bad({ outputs: [{ name: 'C9' }] })).toEqual([status.INVALID_ARGUMENT, 'level-unknown']);
    expect(await bad({ inputs: [] })).toEqual([status.INVALID_ARGUMENT, 'request-malformed']);
    expect(await bad({ raw_input_contents: [Buffer.alloc(5)] })).toEqual([
      status.INVALID_ARGUMENT,
      'request-malformed',
    ]);
    expect(await bad({ parameters: { siez: { int64_param: 64 } } })).toEqual([
      status.INVALID_ARGUMENT,
      'option-unknown',
    ]);
    const both = [{ ...image(1), contents: { uint_contents: [1] } }];
    expect(await bad({ inputs: both })).toEqual([status.INVALID_ARGUMENT, 'request-malformed']);
  });

  test('a message beyond the limit is refused', async () => {
    const small = await services.start('api', { CAIRN_GRPC_MAX_MESSAGE_BYTES: '4096' });
    const client = new GrpcClient(addressOf(small));
    const error = (await client
      .call('ModelInfer', request(1, 1, ['C5']))
      .catch((thrown: unknown) => thrown)) as ServiceError;
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    client.close();
  });

  test('a deadline cancels the jobs', async () => {
    const alone = await services.start('api', { CAIRN_QUEUE_PREFIX: 'no-worker' });
    const client = new GrpcClient(addressOf(alone));
    const call = client.call('ModelInfer', request(1, 99, ['C4']), { deadlineMs: 1500 });
    expect((await call.catch((error: unknown) => error)) as ServiceError).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    });
    const waiting = async () =>
      /cairn_jobs\{[^}]*state="queued"[^}]*\} (\d+)/.exec(await (await fetch(`${alone.url}/metrics`)).text());
    await until(
      async () => (await waiting())?.[1] === '0',
      30_000,
      () => 'the job still waits',
    );
    client.close();
  });

  test('health, for the server and its service', async () => {
    const health = new GrpcClient(addressOf(service), 'grpc.health.v1.Health');
    for (const name of ['', 'inference.GRPCInferenceService']) {
      expect(await health.call('Check', { service: name })).toEqual({ status: 'SERVING' });
    }
    expect((await failure(health.call('Check', { service: 'other' })))[0]).toBe(status.NOT_FOUND);
    const alone = await services.start('api', { CAIRN_QUEUE_PREFIX: 'nobody' });
    const other = new GrpcClient(addressOf(alone), 'grpc.health.v1.Health');
    expect(await other.call('Check', {})).toEqual({ status: 'NOT_SERVING' });
    health.close();
    other.close();
  });

  test('asks for keys as REST does', async () => {
    const file = join(services.data, 'keys');
    const digest = createHash('sha256').update(KEY).digest('hex');
    await writeFile(file, `reader sha256:${digest} read\n`);
    const guarded = await services.start('api', { CAIRN_API_KEYS_FILE: file });
    const client = new GrpcClient(addressOf(guarded));
    expect(await client.call('ServerLive', {})).toEqual({ live: true });
    expect(await failure(client.call('ServerMetadata', {}))).toEqual([status.UNAUTHENTICATED, 'key-missing']);
    expect(await failure(client.call('ServerMetadata', {}, { key: 'wrong' }))).toEqual([
      status.UNAUTHENTICATED,
      'key-invalid',
    ]);
    expect(await client.call('ServerMetadata', {}, { key: KEY })).toMatchObject({ name: 'cairn' });
    const forbidden = failure(client.call('ModelInfer', request(1, 1, ['C5']), { key: KEY }));
    expect(await forbidden).toEqual([status.PERMISSION_DENIED, 'scope-missing']);
    client.close();
  });

  test('lists its services by reflection', async () => {
    const client = new AnyClient(addressOf(service), credentials.createInsecure());
    // ServerReflectionRequest { list_services: "" } by hand: field 7, no bytes.
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      (bytes) => bytes,
      (bytes) => bytes,
    );
    call.write(Buffer.from([0x3a, 0]));
    const [answer] = (await new Promise<Buffer[]>((resolve, reject) => {
      call.once('data', (bytes: Buffer) => resolve([bytes])).once('error', reject);
    })) as [Buffer];
    expect(answer.toString('latin1')).toContain('inference.GRPCInferenceService');
    call.end();
    client.close();
  });
});
