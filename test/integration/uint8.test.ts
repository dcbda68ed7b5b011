import { Decoder } from '@toondepauw/node-zstd';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { extract } from 'tar-stream';
import type { QuantizationParameters } from '../../src/backbone/quantization.js';
import { collect } from '../support/chunks.js';
import { parseSafetensors } from '../support/safetensors-bytes.js';
import { readZarrArray, unzip } from '../support/zarr.js';
import { BatchClient } from './support/batch-client.js';
import { fixture } from './support/client.js';
import { useSharedService } from './support/use-service.js';

const LEVELS = ['C2', 'C4'];
const QUESTION = `model=mask-rcnn-resnet18&size=128&levels=${LEVELS.join()}`;

interface Description {
  readonly levels: readonly { name: string; dtype: string; shape: number[]; quantization?: QuantizationParameters }[];
}

const services = useSharedService();
let client: BatchClient;
let image: Buffer;
/** `.safetensors` of the levels in uint8, and in float32 as computed. */
let integers: ReturnType<typeof parseSafetensors>;
let floats: ReturnType<typeof parseSafetensors>;
let path: string;
let description: Description;

beforeAll(async () => {
  client = new BatchClient((await services.start('all')).url);
  image = await fixture('astronaut.jpg');
  floats = parseSafetensors((await ask('dtype=float32')).bytes);
  const answer = await ask('dtype=uint8');
  integers = parseSafetensors(answer.bytes);
  path = answer.path.replace('.safetensors', '');
  description = JSON.parse((await client.bytes(path)).toString()) as Description;
});

async function ask(options: string) {
  const url = `${client.url}/v1/extract?${QUESTION}&${options}`;
  const response = await fetch(url, { method: 'POST', body: new Uint8Array(image) });
  const bytes = Buffer.from(await response.arrayBuffer());
  expect([response.status, response.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  return { bytes, path: response.headers.get('content-location')! };
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

/** The values of a level that is stored in uint8. */
function valuesOf(name: string): number[] {
  const { scale, zeroPoint } = description.levels.find((level) => level.name === name)!.quantization!;
  return Array.from(integers.tensors.get(name)!.data, (integer) => scale * (integer - zeroPoint));
}

/** Compares as numbers of float32. */
function expectValues(found: Float32Array, expected: readonly number[]) {
  expect(found).toHaveLength(expected.length);
  expect(found.every((value, i) => value === Math.fround(expected[i]!))).toBe(true);
}

test('levels of uint8 are described, and are within half a step of float32', () => {
  const quantization = JSON.parse(integers.metadata['quantization']!) as Record<string, QuantizationParameters>;
  expect(Object.keys(quantization)).toEqual(LEVELS);
  expect(description.levels).toMatchObject(
    LEVELS.map((name) => ({ name, dtype: 'uint8', quantization: quantization[name] })),
  );
  for (const name of LEVELS) {
    expect(integers.tensors.get(name)).toMatchObject({ dtype: 'U8', shape: floats.tensors.get(name)!.shape });
    const exact = floatsOf(floats.tensors.get(name)!.data);
    const { scale } = quantization[name]!;
    expect(valuesOf(name).every((value, i) => Math.abs(value - exact[i]!) <= 0.5001 * scale)).toBe(true);
    expect(new Set(integers.tensors.get(name)!.data).size).toBeGreaterThan(100);
  }
});

test('the archive holds the integers, and decodes by the CF attributes', async () => {
  const files = await unzip(await client.bytes(`${path}.zarr.zip`));
  for (const name of LEVELS) {
    const { metadata, data } = await readZarrArray(files, name);
    expect(data.equals(integers.tensors.get(name)!.data)).toBe(true);
    const { scale_factor, add_offset } = metadata.attributes as Record<string, number>;
    const decoded = Float32Array.from(data, (integer) => integer * scale_factor! + add_offset!);
    expectValues(decoded, valuesOf(name));
  }
});

describe('as=float32', () => {
  test('gives the values, whole or in a window', async () => {
    const whole = parseSafetensors(await client.bytes(`${path}.safetensors?as=float32`));
    expect(whole.metadata).not.toHaveProperty('quantization');
    for (const name of LEVELS) {
      expect(whole.tensors.get(name)).toMatchObject({ dtype: 'F32', shape: integers.tensors.get(name)!.shape });
      expectValues(floatsOf(whole.tensors.get(name)!.data), valuesOf(name));
    }
    const { tensors } = parseSafetensors(
      await client.bytes(`${path}.safetensors?as=float32&levels=C4&window=0,0,64,128`),
    );
    const { shape, data } = tensors.get('C4')!;
    expect(shape).toEqual([4, 8, 256]);
    expectValues(floatsOf(data), valuesOf('C4').slice(0, 4 * 8 * 256));
  });

  test('also in the answer of extract, and compressed on the way', async () => {
    const plain = await client.bytes(`${path}.safetensors?as=float32`);
    expect((await ask('dtype=uint8&as=float32')).bytes.equals(plain)).toBe(true);
    const asking = get(`${client.url}${path}.safetensors?as=float32`, { headers: { 'accept-encoding': 'zstd' } });
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    expect(answer.headers).toMatchObject({ 'content-encoding': 'zstd', vary: 'accept-encoding' });
    const body = await collect(answer as AsyncIterable<Uint8Array>);
    expect(body.length).toBeLessThan(plain.length / 2);
    expect((await new Decoder().decode(body)).equals(plain)).toBe(true);
  });

  test('has the length and the caching of every stream, and HEAD says so', async () => {
    const [url, plain] = [`${client.url}${path}.safetensors`, await client.bytes(`${path}.safetensors?as=float32`)];
    const head = await fetch(`${url}?as=float32`, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(plain.length));
    // A cache tells the types apart by the URL.
    expect(head.headers.get('cache-control')).toContain('immutable');
    const half = await fetch(`${url}?as=float16`, { method: 'HEAD' });
    expect(Number(half.headers.get('content-length'))).toBeLessThan(0.51 * plain.length);
  });

  test('also in the stream of a batch', async () => {
    const manifest = JSON.stringify({ source: { sha256: await client.keep(image) } });
    const { id } = await client.submitBatch(Buffer.from(manifest), `${QUESTION}&dtype=uint8`);
    const tar = extract();
    tar.end(await client.bytes(`/v1/batches/${id}/features?as=float32`));
    const members = new Map<string, Buffer>();
    for await (const member of tar) members.set(member.header.name, await collect(member as AsyncIterable<Uint8Array>));
    expect(members.get('00000001.safetensors')!.equals(await client.bytes(`${path}.safetensors?as=float32`))).toBe(
      true,
    );
    // The description is that of the stored set.
    const about = JSON.parse(members.get('00000001.json')!.toString()) as { description: Description };
    expect(about.description.levels).toEqual(description.levels);
  });

  test('float16 becomes float32, and float32 float16', async () => {
    for (const [stored, as, type] of [
      ['float16', 'float32', 'F32'],
      ['float32', 'float16', 'F16'],
    ] as const) {
      const { tensors } = parseSafetensors((await ask(`dtype=${stored}&as=${as}`)).bytes);
      expect([...tensors.values()].map(({ dtype }) => dtype)).toEqual([type, type]);
    }
  });

  test.each(['as=uint8', 'as=', 'as=float64', 'as=float16&as=float32'])('%s is refused', async (query) => {
    for (const response of [
      await fetch(`${client.url}${path}.safetensors?${query}`),
      await fetch(`${client.url}/v1/extract?${QUESTION}&${query}`, { method: 'POST', body: new Uint8Array(image) }),
    ]) {
      expect([response.status, await response.json()]).toMatchObject([400, { code: 'option-invalid' }]);
    }
  });
});

test('regions of integers are those of the values', async () => {
  const regions = async (features: string) => {
    const body = JSON.stringify({ boxes: [[8, 12, 100, 90]], method: 'detectron2', levels: ['C2'] });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${client.url}${features}/roi-align`, { method: 'POST', body, headers });
    return floatsOf(parseSafetensors(Buffer.from(await response.arrayBuffer())).tensors.get('regions')!.data);
  };
  const exact = await regions((await ask('dtype=float32')).path.replace('.safetensors', ''));
  const found = await regions(path);
  const { scale } = description.levels[0]!.quantization!;
  expect(Math.max(...exact)).toBeGreaterThan(10 * scale);
  expect(found.every((value, i) => Math.abs(value - exact[i]!) <= 0.5001 * scale)).toBe(true);
});

test('/v2 answers in UINT8, with the scale and zero point of each image', async () => {
  const data = image.toString('base64');
  const other = (await fixture('landscape.jpg')).toString('base64');
  const inputs = [{ name: 'image_bytes', datatype: 'BYTES', shape: [2], data: [data, other] }];
  const outputs = [{ name: 'C2', parameters: { binary_data: true } }, { name: 'C4' }];
  const body = JSON.stringify({ inputs, outputs, parameters: { size: 128, dtype: 'UINT8' } });
  const response = await fetch(`${client.url}/v2/models/mask-rcnn-resnet18/infer`, { method: 'POST', body });
  const answer = Buffer.from(await response.arrayBuffer());
  const headerLength = Number(response.headers.get('inference-header-content-length'));
  const json = JSON.parse(answer.toString('utf8', 0, headerLength)) as {
    outputs: { name: string; datatype: string; shape: number[]; data?: number[]; parameters: Record<string, string> }[];
  };
  for (const [i, name] of LEVELS.entries()) {
    const { datatype, shape, parameters } = json.outputs[i]!;
    expect([datatype, shape]).toEqual(['UINT8', [2, ...integers.tensors.get(name)!.shape]]);
    const { scale, zeroPoint } = description.levels[i]!.quantization!;
    const [scales, zeroPoints] = [parameters['scale']!.split(','), parameters['zero_point']!.split(',')];
    expect([scales.length, zeroPoints.length]).toEqual([2, 2]);
    expect([Number(scales[0]), Number(zeroPoints[0])]).toEqual([scale, zeroPoint]);
    expect(scales[1]).not.toBe(scales[0]);
  }
  const [c2, c4] = LEVELS.map((name) => integers.tensors.get(name)!.data);
  expect(answer.subarray(headerLength, headerLength + c2!.length).equals(c2!)).toBe(true);
  expect(answer.length).toBe(headerLength + 2 * c2!.length);
  expect(json.outputs[1]!.data).toHaveLength(2 * c4!.length);
  expect(json.outputs[1]!.data!.slice(0, c4!.length)).toEqual([...c4!]);
});

describe('codec=jpeg', () => {
  test('every reader decodes it, and the description says what was lost', async () => {
    const { bytes, path: stream } = await ask('dtype=uint8&codec=jpeg&quality=90');
    const features = stream.replace('.safetensors', '');
    expect(features).not.toBe(path);
    const about = JSON.parse((await client.bytes(features)).toString()) as Description & {
      loss: Record<string, { snrDb: number; maxAbs: number }>;
    };
    expect(about.levels).toMatchObject(LEVELS.map((name) => ({ name, dtype: 'uint8', codec: 'jpeg', quality: 90 })));
    const decoded = parseSafetensors(bytes);
    for (const name of LEVELS) {
      const [before, after] = [integers.tensors.get(name)!.data, decoded.tensors.get(name)!.data];
      const { zeroPoint } = about.levels.find((level) => level.name === name)!.quantization!;
      const power = before.reduce((sum, q) => sum + (q - zeroPoint) ** 2, 0);
      const noise = before.reduce((sum, q, i) => sum + (q - after[i]!) ** 2, 0);
      const snrDb = 10 * Math.log10(power / noise);
      expect(snrDb).toBeGreaterThan(20);
      // Of a sample of its chunks.
      expect(Math.abs(about.loss[name]!.snrDb - snrDb)).toBeLessThan(1);
    }
    // Windows, conversions and compression on the way read the same integers.
    const window = '&levels=C2&window=0,0,64,128';
    const part = parseSafetensors(await client.bytes(`${features}.safetensors?as=float32${window}`));
    const whole = parseSafetensors(await client.bytes(`${features}.safetensors?as=float32`)).tensors.get('C2')!.data;
    expect(whole.subarray(0, whole.length / 2).equals(part.tensors.get('C2')!.data)).toBe(true);
    const headers = { 'accept-encoding': 'zstd' };
    const asking = get(`${client.url}${features}.safetensors`, { headers });
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    const body = await new Decoder().decode(await collect(answer as AsyncIterable<Uint8Array>));
    expect(body.equals(bytes)).toBe(true);
    const size = async (of: string) => (await client.bytes(`${of}.zarr.zip`)).length;
    expect(await size(features)).toBeLessThan(await size(path));
  });

  test('in either layout the same elements', async () => {
    const [last, first] = [await ask('dtype=uint8&codec=jpeg'), await ask('dtype=uint8&codec=jpeg&layout=nchw')];
    const [nhwc, nchw] = [last, first].map(({ bytes }) => parseSafetensors(bytes).tensors.get('C4')!.data);
    const [positions, channels] = [8 * 8, 256];
    expect(nchw!.every((q, at) => q === nhwc![(at % positions) * channels + Math.floor(at / positions)])).toBe(true);
  });

  test.each([
    ['codec=jpeg', /codec=jpeg is for dtype=uint8, not for float16/],
    ['codec=jpeg&dtype=float32', /not for float32/],
    ['codec=webp&dtype=uint8', /codec must be zstd or jpeg, not "webp"/],
    ['codec=jpeg&dtype=uint8&quality=0', /quality must be a whole number from 1 to 100, not "0"/],
    ['codec=jpeg&dtype=uint8&quality=101', /not "101"/],
    ['codec=jpeg&dtype=uint8&quality=high', /not "high"/],
    ['quality=80&dtype=uint8', /quality is for codec=jpeg, not for zstd/],
  ])('%s is refused', async (options, detail) => {
    const url = `${client.url}/v1/jobs?${QUESTION}&${options}`;
    const response = await fetch(url, { method: 'POST', body: new Uint8Array(image) });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { code: 'option-invalid', detail: expect.stringMatching(detail) },
    ]);
  });
});
