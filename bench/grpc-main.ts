/**
 * A stored pyramid by gRPC against REST, with the same request of the Open Inference Protocol: P2–P6 at 1024 × 1024 in float32,
 * 85 MiB, in one message, as a stream of a message per level, and as the binary data of REST. Server and client are two
 * processes; the forms take turns in every round.
 *
 *     npm run bench -- grpc [--rounds 10] [--json]
 */
import { credentials, loadPackageDefinition, Metadata, type Client, type GrpcObject } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { progress } from './progress.js';
import { Service, startRedis } from './service.js';
import { median } from './statistics.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '10' }, json: { type: 'boolean', default: false } },
});
const SIZE = 1024;
const MODEL = 'mask-rcnn-resnet18';
const LEVELS = ['P2', 'P3', 'P4', 'P5', 'P6'];
const FORMS = ['rest', 'grpc', 'grpcStream'] as const;
type Form = (typeof FORMS)[number];

interface InferResponse {
  readonly raw_output_contents: readonly Buffer[];
}
interface InferenceClient extends Client {
  ModelInfer(
    request: object,
    metadata: Metadata,
    callback: (error: Error | null, response: InferResponse) => void,
  ): unknown;
  ModelStreamInfer(): NodeJS.ReadWriteStream;
}

const pixels = Buffer.alloc(SIZE * SIZE * 3, 'a photograph of noise that repeats itself');
const image = { name: 'image', datatype: 'UINT8', shape: [1, SIZE, SIZE, 3] };
const outputs = LEVELS.map((name) => ({ name }));
const message = { model_name: MODEL, inputs: [image], outputs, raw_input_contents: [pixels] };

const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
const redis = await startRedis();
const service = await Service.start('all', {
  REDIS_URL: redis.url,
  CAIRN_DATA_DIR: folder,
  CAIRN_DEVICE: 'cpu',
  CAIRN_GRPC_PORT: '0',
});
const client = connect(/gRPC on (\S+)/.exec(service.log())![1]!);
try {
  progress('making the pyramid');
  const ask: Record<Form, () => Promise<Buffer[]>> = { rest, grpc, grpcStream };
  const first = { rest: await rest(), grpc: await grpc(), grpcStream: await grpcStream() };
  const bytes = first.rest.reduce((total, level) => total + level.length, 0);
  const equal = first.rest.every((level, i) => level.equals(first.grpc[i]!) && level.equals(first.grpcStream[i]!));
  const times: Record<Form, number[]> = { rest: [], grpc: [], grpcStream: [] };
  for (let round = 1; round <= Number(flags.rounds); round++) {
    progress(`round ${round} of ${flags.rounds}`);
    for (const form of FORMS) {
      const begun = performance.now();
      await ask[form]();
      times[form].push(performance.now() - begun);
    }
  }
  const rate = (form: Form) => bytes / 1e3 / median(times[form]);
  const ratio = (form: Form) => median(times.rest.map((time, round) => time / times[form][round]!));
  const megabytesPerSecond = { rest: rate('rest'), grpc: rate('grpc'), grpcStream: rate('grpcStream') };
  const ratioToRest = { grpc: ratio('grpc'), grpcStream: ratio('grpcStream') };
  const result = { node: process.version, mebibytes: bytes / 2 ** 20, equal, megabytesPerSecond, ratioToRest };
  if (flags.json) console.log(JSON.stringify(result));
  else {
    console.log(
      `${LEVELS.join(', ')} in float32, ${result.mebibytes.toFixed(1)} MiB, bits ${equal ? '' : 'NOT '}equal`,
    );
    console.log(`REST ${rate('rest').toFixed(0)} MB/s`);
    console.log(`gRPC ${rate('grpc').toFixed(0)} MB/s, ${ratioToRest.grpc.toFixed(2)} of REST`);
    console.log(
      `gRPC, a level per message ${rate('grpcStream').toFixed(0)} MB/s, ${ratioToRest.grpcStream.toFixed(2)} of REST`,
    );
  }
} finally {
  client.close();
  await service.end();
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
}

function connect(address: string): InferenceClient {
  const proto = fileURLToPath(new URL('../../proto/open-inference.proto', import.meta.url));
  const packages = loadPackageDefinition(loadSync(proto, { keepCase: true, longs: Number }));
  const inference = packages['inference'] as GrpcObject;
  const Inference = inference['GRPCInferenceService'] as unknown as new (...options: unknown[]) => InferenceClient;
  return new Inference(address, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
}

async function rest(): Promise<Buffer[]> {
  const inputs = [{ ...image, parameters: { binary_data_size: pixels.length } }];
  const json = Buffer.from(JSON.stringify({ inputs, outputs, parameters: { binary_data_output: true } }));
  const response = await fetch(`${service.url}/v2/models/${MODEL}/infer`, {
    method: 'POST',
    headers: { 'inference-header-content-length': String(json.length) },
    body: Buffer.concat([json, pixels]),
  });
  const body = Buffer.from(await response.arrayBuffer());
  let at = Number(response.headers.get('inference-header-content-length'));
  const answer = JSON.parse(body.toString('utf8', 0, at)) as {
    outputs: { parameters: { binary_data_size: number } }[];
  };
  return answer.outputs.map(({ parameters: { binary_data_size: size } }) => body.subarray(at, (at += size)));
}

async function grpc(): Promise<Buffer[]> {
  const response = await new Promise<InferResponse>((resolve, reject) => {
    client.ModelInfer(message, new Metadata(), (error, answer) => {
      if (error) reject(error);
      else resolve(answer);
    });
  });
  return [...response.raw_output_contents];
}

async function grpcStream(): Promise<Buffer[]> {
  const call = client.ModelStreamInfer() as NodeJS.ReadWriteStream & { write(request: object): boolean };
  call.write(message);
  call.end();
  const levels: Buffer[] = [];
  for await (const { infer_response: response } of call as unknown as AsyncIterable<{
    infer_response: InferResponse;
  }>) {
    levels.push(...response.raw_output_contents);
  }
  return levels;
}
