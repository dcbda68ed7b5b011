import { describe, expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ByteBudget } from '../../../../src/api/http/byte-budget.js';
import { ByteReader } from '../../../../src/api/http/request-body.js';
import { readInferenceRequest } from '../../../../src/api/inference/inference-request.js';
import { findModel } from '../../../../src/backbone/catalogue.js';
import { decode, DEFAULT_DECODE_LIMITS } from '../../../../src/backbone/preprocess/decode.js';
import { encodePixels } from '../../../../src/backbone/preprocess/encode-pixels.js';
import { FileStore } from '../../../../src/features/store/file-store.js';
import { ImageIntake } from '../../../../src/images/intake.js';
import { chunksOf, collect } from '../../../support/chunks.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const MAX_UPLOAD_BYTES = 4000;
const MAX_JSON_VALUES = 1000;
const MEMORY = 64 << 20;
const model = findModel('mask-rcnn-resnet18');
const newFolder = useTempDirs();

const image = { name: 'image', datatype: 'UINT8', shape: [1, 2, 2, 3] };
const files = { name: 'image_bytes', datatype: 'BYTES', shape: [1] };
const twelve = Array.from({ length: 12 }, (_, i) => i * 20);
const tiff = Buffer.concat(encodePixels({ data: Buffer.from(twelve), height: 2, width: 2 }));

/** `data` behind its length, as one element of BYTES. */
function element(data: Uint8Array, length = data.length): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(length);
  return Buffer.concat([prefix, data]);
}

/** Reads a request whose body is `json`, then `binary`, in pieces. */
async function read(json: unknown, binary?: Uint8Array, header?: string, memory = MEMORY) {
  const folder = await newFolder();
  const store = new FileStore(folder);
  const intake = new ImageIntake(store, {
    ...DEFAULT_DECODE_LIMITS,
    maxUrlLength: 2048,
    maxRatio: 100,
    maxUploadBytes: MAX_UPLOAD_BYTES,
    maxPixels: 1e6,
  });
  const text = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
  const body = Buffer.concat([text, binary ?? Buffer.alloc(0)]);
  // Small pieces find what lies across them; a large body has better things to test.
  const step = body.length > 1e5 ? body.length : 7;
  const pieces = Array.from({ length: Math.ceil(body.length / step) }, (_, i) =>
    body.subarray(i * step, (i + 1) * step),
  );
  const length = header ?? (binary === undefined ? undefined : String(text.length));
  const kept = () => readdir(join(folder, 'images')).catch(() => []);
  const lease = new ByteBudget(memory, 'tests').lease();
  const reader = new ByteReader(chunksOf(...pieces), lease);
  const request = readInferenceRequest(model, length, reader, intake, MAX_JSON_VALUES);
  const pixels = async (key: string) => {
    const object = (await store.open(key))!;
    return decode(await collect(object.stream(0, object.size - 1)));
  };
  return { request, kept, pixels };
}

async function accepted(json: unknown, binary?: Uint8Array, header?: string) {
  const { request, pixels } = await read(json, binary, header);
  const result = await request;
  return { ...result, pixels: await Promise.all(result.images.map(({ key }) => pixels(key))) };
}

/** Each of them alone would be ignored. */
const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`triton_${i}`, 1]));

const withInput = (...inputs: object[]) => ({ inputs });

describe('pixels', () => {
  test('come as numbers, flat or nested, or as bytes, and are the same image', async () => {
    const nested = [[twelve.slice(0, 6), twelve.slice(6)].map((row) => [row.slice(0, 3), row.slice(3)])];
    const requests = await Promise.all([
      accepted(withInput({ ...image, data: twelve })),
      accepted(withInput({ ...image, data: nested })),
      accepted(withInput({ ...image, shape: [2, 2, 3], data: nested[0] })),
      accepted(withInput({ ...image, parameters: { binary_data_size: 12 } }), Buffer.from(twelve)),
    ]);
    for (const { images, pixels } of requests) {
      expect(images).toEqual(requests[0].images);
      expect(pixels[0]).toMatchObject({ height: 2, width: 2, data: Buffer.from(twelve) });
    }
  });

  test('of several images follow each other', async () => {
    const three = Buffer.from([...twelve, ...twelve.toReversed(), ...twelve]);
    const input = { ...image, shape: [3, 2, 2, 3], parameters: { binary_data_size: 36 } };
    const { pixels, images } = await accepted(withInput(input), three);
    expect(Buffer.concat(pixels.map(({ data }) => data)).equals(three)).toBe(true);
    expect(images[0]).toEqual(images[2]);
  });

  test('are kept even where their file is larger than uploads may be', async () => {
    const bytes = Buffer.from(Array.from({ length: 40 * 40 * 3 }, (_, i) => (i * 167 + (i >> 3) * 31) % 256));
    const input = { ...image, shape: [40, 40, 3], parameters: { binary_data_size: bytes.length } };
    expect((await accepted(withInput(input), bytes)).pixels[0]!.data.equals(bytes)).toBe(true);
  });
});

describe('files', () => {
  test('come as elements of bytes, as base64, or as the whole body', async () => {
    const requests = await Promise.all([
      accepted(withInput({ ...files, parameters: { binary_data_size: tiff.length + 4 } }), element(tiff)),
      accepted(withInput({ ...files, shape: [1, 1], data: [[tiff.toString('base64')]].flat() })),
      accepted(withInput({ ...files, parameters: { content_type: 'base64' }, data: [tiff.toString('base64')] })),
      accepted('', tiff, '0'),
    ]);
    for (const { images } of requests) expect(images).toEqual(requests[0].images);
    expect(requests.map(({ binary }) => binary)).toEqual([false, false, false, true]);
  });
});

describe('options', () => {
  const input = { ...image, data: twelve };

  test('are float32 and the default levels where nothing is said', async () => {
    const { options, outputs, binary, id } = await accepted(withInput(input));
    expect(options).toMatchObject({ spec: { dtype: 'float32', size: 1024 }, priority: 'high' });
    expect([outputs, binary, id]).toEqual([undefined, false, undefined]);
  });

  test('are what the client says; outputs are levels, in its own order', async () => {
    const { options, outputs, id } = await accepted({
      id: 'mine',
      ...withInput(input),
      outputs: [{ name: 'P3', parameters: { binary_data: true } }, { name: 'C2' }],
      parameters: { size: 128, precision: 'float16', binary_data_output: true, dtype: 'FP16' },
    });
    expect(options.spec).toMatchObject({ size: 128, levels: ['C2', 'P3'], dtype: 'float16', precision: 'float16' });
    expect([id, outputs]).toEqual([
      'mine',
      [
        { name: 'P3', binary: true },
        { name: 'C2', binary: true },
      ],
    ]);
  });

  test.each(['UINT8', 'uint8'])('%s has a form in JSON', async (dtype) => {
    const { options, outputs } = await accepted({
      ...withInput(input),
      outputs: [{ name: 'C4' }],
      parameters: { dtype },
    });
    expect([options.spec.dtype, outputs]).toEqual(['uint8', [{ name: 'C4', binary: false }]]);
  });

  test("Triton's own parameters change nothing", async () => {
    const parameters = { priority: 5, timeout: 1, sequence_id: 7, sequence_start: true, triton_any: 1, headers: {} };
    expect((await accepted({ ...withInput(input), parameters })).options.priority).toBe('high');
  });

  test.each([
    ['another parameter', { parameters: { siz: 64 } }, 'option-unknown'],
    ['a parameter of another object', { parameters: { model: 'x' } }, 'option-unknown'],
    ['a size', { parameters: { size: 65 } }, 'option-invalid'],
    ['a size that is a list', { parameters: { size: [64] } }, 'request-malformed'],
    ['a type', { parameters: { dtype: 'INT8' } }, 'dtype-unknown'],
    ['stage 5', { parameters: { stage5: 'maybe' } }, 'option-invalid'],
    ['an output', { outputs: [{ name: 'C9' }] }, 'level-unknown'],
    ['outputs in one name', { outputs: [{ name: 'C4,C5' }] }, 'level-unknown'],
    ['an output of stage 5 without it', { outputs: [{ name: 'C5' }], parameters: { stage5: false } }, 'level-absent'],
    ['an output twice', { outputs: [{ name: 'C4' }, { name: 'C4' }] }, 'request-malformed'],
    [
      'more outputs than there are',
      { outputs: 'ABCDEFGHIJK'.split('').map((name) => ({ name })) },
      'request-malformed',
    ],
    ['more parameters than anybody needs', { parameters: many }, 'request-malformed'],
    ['a shape without end', { inputs: [{ ...input, shape: Array<string>(100).fill('x') }] }, 'request-malformed'],
    ['inputs without end', { inputs: Array<object>(100).fill({}) }, 'request-malformed'],
    ['classes', { outputs: [{ name: 'C4', parameters: { classification: 3 } }] }, 'option-unknown'],
    ['FP16 in JSON', { outputs: [{ name: 'C4' }], parameters: { dtype: 'FP16' } }, 'request-malformed'],
    ['FP16 in JSON by default', { parameters: { dtype: 'float16' } }, 'request-malformed'],
  ])('%s is refused, and nothing is kept', async (_, more, code) => {
    const { request, kept } = await read({ ...withInput(input), ...more });
    await expect(request).rejects.toMatchObject({ code });
    expect(await kept()).toEqual([]);
  });
});

const binary = (binary_data_size: unknown) => ({ parameters: { binary_data_size } });

describe('what does not fit together is refused', () => {
  test.each<[string, unknown, string]>([
    ['half of JSON', '{"inputs":[', 'request-malformed'],
    ['nothing', '', 'request-malformed'],
    ['a list', [], 'request-malformed'],
    ['no input', withInput(), 'request-malformed'],
    ['an input of another name', withInput({ ...image, name: '__proto__', data: twelve }), 'request-malformed'],
    ['two inputs of a name', withInput({ ...image, data: twelve }, { ...image, data: twelve }), 'request-malformed'],
    ['both inputs', withInput({ ...image, data: twelve }, { ...files, data: [] }), 'request-malformed'],
    ['another type', withInput({ ...image, datatype: 'FP32', data: twelve }), 'request-malformed'],
    ['neither data nor its size', withInput(image), 'request-malformed'],
    ['data and its size', withInput({ ...image, data: twelve, ...binary(12) }), 'request-malformed'],
    ['a size without the header', withInput({ ...image, ...binary(12) }), 'request-malformed'],
    ['a negative size', withInput({ ...image, ...binary(-1) }), 'request-malformed'],
    ['a broken size', withInput({ ...image, ...binary(1.5) }), 'request-malformed'],
    ['shared memory', withInput({ ...image, parameters: { shared_memory_region: 'x' } }), 'option-unknown'],
    ['too few numbers', withInput({ ...image, data: twelve.slice(1) }), 'request-malformed'],
    ['too many numbers', withInput({ ...image, data: [...twelve, 1] }), 'request-malformed'],
    ['a number that is no byte', withInput({ ...image, data: [...twelve.slice(1), 256] }), 'request-malformed'],
    ['text for a number', withInput({ ...image, data: [...twelve.slice(1), '7'] }), 'request-malformed'],
    ['lists too deep', withInput({ ...image, data: [[[[twelve]]]] }), 'request-malformed'],
    ['data that is no list', withInput({ ...image, data: 'AAAA' }), 'request-malformed'],
    ['an absurd shape', withInput({ ...image, shape: [1e9, 1e9, 3], data: [] }), 'image-too-large'],
    ['a side too long', withInput({ ...image, shape: [1, 65_536, 3], data: [] }), 'image-too-large'],
    ['too many images', withInput({ ...image, shape: [65, 2, 2, 3], data: [] }), 'request-malformed'],
    ['more images than numbers count', withInput({ ...image, shape: [1e300, 1, 1, 3], data: [] }), 'request-malformed'],
    ['a negative shape', withInput({ ...image, shape: [-1, 2, 2, 3], data: twelve }), 'request-malformed'],
    ['four channels', withInput({ ...image, shape: [1, 2, 2, 4], data: twelve }), 'request-malformed'],
    ['a flat shape', withInput({ ...image, shape: [12], data: twelve }), 'request-malformed'],
    ['five axes', withInput({ ...image, shape: [1, 1, 2, 2, 3], data: twelve }), 'request-malformed'],
    ['no image', withInput({ ...image, shape: [0, 2, 2, 3], data: [] }), 'image-empty'],
    ['no pixel', withInput({ ...image, shape: [1, 0, 2, 3], data: [] }), 'image-empty'],
    ['text for a file', withInput({ ...files, data: ['not base64!'] }), 'request-malformed'],
    ['a number for a file', withInput({ ...files, data: [7] }), 'request-malformed'],
    ['more files than the shape', withInput({ ...files, data: ['AAAA', 'AAAA'] }), 'request-malformed'],
    ['files in a square', withInput({ ...files, shape: [2, 2], data: ['AAAA'] }), 'request-malformed'],
    ['a file that is no image', withInput({ ...files, data: ['AAAA'] }), 'image-unsupported'],
    ['an empty file', withInput({ ...files, data: [''] }), 'image-empty'],
  ])('%s', async (_, json, code) => {
    const { request, kept } = await read(json);
    await expect(request).rejects.toMatchObject({ code });
    expect(await kept()).toEqual([]);
  });

  const size = tiff.length + 4;
  const two = { ...files, shape: [2] };
  test.each<[string, object, Uint8Array, string]>([
    ['a size beyond the shape', { ...image, ...binary(13) }, Buffer.alloc(13), 'request-malformed'],
    ['a body that ends early', { ...image, ...binary(12) }, Buffer.alloc(11), 'request-malformed'],
    ['a body that goes on', { ...image, ...binary(12) }, Buffer.alloc(13), 'request-malformed'],
    ['bytes behind data', { ...image, data: twelve }, Buffer.alloc(1), 'request-malformed'],
    ['an element longer than the data', { ...files, ...binary(size) }, element(tiff, 2 ** 32 - 1), 'request-malformed'],
    ['an element that ends early', { ...files, ...binary(size) }, element(tiff, tiff.length - 1), 'request-malformed'],
    ['half of a length', { ...files, ...binary(3) }, Buffer.alloc(3), 'request-malformed'],
    ['one element for two', { ...two, ...binary(size) }, element(tiff), 'request-malformed'],
    ['an element too large', { ...files, ...binary(4005) }, element(Buffer.alloc(4001)), 'upload-too-large'],
    ['a promise of much', { ...files, ...binary(2 ** 52) }, element(tiff), 'request-malformed'],
  ])('%s', async (_, input, data, code) => {
    const { request } = await read(withInput(input), data);
    await expect(request).rejects.toMatchObject({ code });
  });

  test.each(['-1', '1e3', '0x10', '99999999999', String(2 ** 25), 'all', '', '12 '])(
    'the header "%s"',
    async (header) => {
      const { request } = await read(withInput({ ...image, data: twelve }), Buffer.alloc(0), header);
      await expect(request).rejects.toMatchObject({ code: 'request-malformed' });
    },
  );

  test('a header beyond the body', async () => {
    const { request } = await read(withInput({ ...image, data: twelve }), Buffer.alloc(0), '5000');
    await expect(request).rejects.toMatchObject({ code: 'request-malformed' });
  });

  test('a whole body that is too large', async () => {
    const { request } = await read('', Buffer.concat([tiff, Buffer.alloc(MAX_UPLOAD_BYTES)]), '0');
    await expect(request).rejects.toMatchObject({ code: 'upload-too-large' });
  });

  test('JSON that is too large', async () => {
    const { request } = await read('['.repeat((16 << 20) + 1));
    await expect(request).rejects.toMatchObject({ code: 'upload-too-large' });
  });
});

describe('what takes too much memory', () => {
  test('JSON of too many values is refused before it is parsed, however short they are', async () => {
    const { request, kept } = await read(`{"inputs":[${'{},'.repeat(MAX_JSON_VALUES)}{}]}`);
    await expect(request).rejects.toMatchObject({ code: 'json-too-large' });
    expect(await kept()).toEqual([]);
  });

  test('a long text is one value', async () => {
    const { request } = await read(withInput({ ...files, data: ['[{,'.repeat(MAX_JSON_VALUES)] }));
    await expect(request).rejects.toMatchObject({ code: 'request-malformed' });
  });

  test('JSON takes its bytes from the budget, and what they become', async () => {
    const json = withInput({ ...files, data: ['AAAA'.repeat(100)] });
    const length = JSON.stringify(json).length;
    await expect((await read(json, undefined, undefined, length - 1)).request).rejects.toMatchObject({ code: 'busy' });
    await expect((await read(json, undefined, undefined, 2 * length)).request).rejects.toMatchObject({ code: 'busy' });
    const enough = await read(json, undefined, undefined, 2 * length + 64 * 30);
    await expect(enough.request).rejects.toMatchObject({ code: 'image-unsupported' });
  });

  test('binary data take nothing: they go to the store as they arrive', async () => {
    const pixels = Buffer.alloc(150 * 150 * 3);
    const json = withInput({ ...image, shape: [150, 150, 3], ...binary(pixels.length) });
    const { request } = await read(json, pixels, undefined, 10_000);
    expect((await request).images).toHaveLength(1);
  });
});
