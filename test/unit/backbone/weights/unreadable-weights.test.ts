import { describe, expect, test } from '@jest/globals';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadWeights, openWeights } from '../../../../src/backbone/weights/weights.js';
import { fixtureTensors } from '../../../support/fixture-weights.js';
import { fixturePath } from '../../../support/fixtures.js';
import { fixtureGraph } from '../../../support/graphs.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { safetensorsBytes, withHeader } from '../../../support/safetensors-bytes.js';
import { useTempDirs } from '../../../support/temp-dir.js';
import { zipBytes } from '../../../support/zip-bytes.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const graph = fixtureGraph();

async function loadBytes(bytes: Uint8Array) {
  const path = join(await tempDir(), 'weights');
  await writeFile(path, bytes);
  return loadWeights(path, graph);
}

function tensor(fields: object): Buffer {
  const header = { 'conv1/bias': { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } };
  return withHeader(JSON.stringify(header), new Uint8Array(8));
}

const u8 = (begin: number, end: number) => ({ dtype: 'U8', shape: [end - begin], data_offsets: [begin, end] });

function twoTensors(a: [number, number], b: [number, number]): Buffer {
  return withHeader(JSON.stringify({ a: u8(...a), b: u8(...b) }), new Uint8Array(12));
}

async function half(name: string): Promise<Buffer> {
  const whole = await readFile(fixturePath(`weights/${name}`));
  return whole.subarray(0, whole.length / 2);
}

function manyTensors(count: number): Buffer {
  const shape = { dtype: 'F32', shape: [0, 1, 1, 1], data_offsets: [0, 0] };
  return withHeader(JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, shape]))));
}

const manyArrays = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `a${i}.npy`, data: new Uint8Array(0) }));

const sound = safetensorsBytes(fixtureTensors());

// Each is refused for its own reason: a wrong one would mean that another check caught it by chance.
const damaged: [what: string, bytes: () => Buffer | Promise<Buffer>, reason: RegExp][] = [
  ['an empty file', () => Buffer.alloc(0), /ends 8 bytes early/],
  ['a file of five bytes', () => Buffer.from('weigh'), /ends 3 bytes early/],
  [
    'a header length of 2⁶³',
    () => withHeader('{}', new Uint8Array(99), 2n ** 63n),
    /header length 9223372036854775808/,
  ],
  ['a header length of 100 MB in a small file', () => withHeader('{}', undefined, 100_000_000n), /header length/],
  [
    'a header of 9 MB',
    () => withHeader(`{"a":"${'x'.repeat(9 << 20)}"}`),
    /header has 9437192 bytes; the limit is 8388608/,
  ],
  ['a header of nested lists', () => withHeader('['.repeat(1 << 20)), /more values than 10000 tensors need/],
  [
    'a header of empty objects',
    () => withHeader(`[${'{},'.repeat(1 << 20)}{}]`),
    /more values than 10000 tensors need/,
  ],
  ['10,001 tensors', () => manyTensors(10_001), /10001 tensors; the limit is 10000/],
  ['60,000 tensors', () => manyTensors(60_000), /more values than 10000 tensors need/],
  ['an npz of 10,001 arrays', () => zipBytes(manyArrays(10_001)), /10001 arrays; the limit is 10000/],
  ['a header one byte longer than the file', () => withHeader('{}', undefined, 3n), /header length 3 of 10 bytes/],
  ['text', () => Buffer.from('these are no weights'), /neither HDF5, npz nor safetensors/],
  ['a zip cut in half', () => half('numpy.npz'), /cannot be opened as a zip and may be truncated/],
  ['a header that is not JSON', () => withHeader('{"conv1/bias": '), /header is not JSON/],
  ['a header that is not UTF-8 text', () => withHeader('\0\0\0\0'), /header is not JSON/],
  ['a header that is null', () => withHeader('null'), /header is not an object/],
  ['a header that is a number', () => withHeader('12'), /header is not an object/],
  ['a tensor without offsets', () => tensor({ data_offsets: undefined }), /header is malformed/],
  ['a negative offset', () => tensor({ data_offsets: [-8, 0] }), /header is malformed/],
  ['an offset that is not whole', () => tensor({ data_offsets: [0.5, 8.5] }), /header is malformed/],
  ['a shape of text', () => tensor({ shape: '2' }), /header is malformed/],
  ['a shape of nine axes', () => tensor({ shape: Array<number>(9).fill(1) }), /header is malformed/],
  ['an end behind the file', () => tensor({ shape: [3], data_offsets: [0, 12] }), /conv1\/bias lies outside the file/],
  ['an end before the begin', () => tensor({ data_offsets: [8, 0] }), /lies outside the file/],
  ['a begin and end far behind the file', () => tensor({ data_offsets: [2 ** 50, 2 ** 50 + 8] }), /lies outside/],
  ['fewer bytes than the shape has', () => tensor({ shape: [3] }), /shape \[3\] of F32 over 8 bytes/],
  ['a shape that overflows', () => tensor({ shape: [2 ** 31, 2 ** 31, 2 ** 31] }), /over 8 bytes/],
  ['a file cut in its header', () => sound.subarray(0, 60), /header length/],
  ['a file cut in its data', () => sound.subarray(0, sound.length - 1), /bn_conv1\/moving_variance lies outside/],
  ['two tensors on the same bytes', () => twoTensors([0, 8], [4, 12]), /b overlaps with another tensor/],
  ['bytes that belong to no tensor', () => twoTensors([0, 4], [8, 12]), /bytes 4 to 8 of its data belong to no tensor/],
  ['bytes behind the last tensor', () => twoTensors([0, 4], [4, 8]), /bytes 8 to 12 of its data/],
  [
    'a name that occurs twice',
    () => withHeader(`{"a":${JSON.stringify(u8(0, 4))},"a":${JSON.stringify(u8(4, 8))}}`, new Uint8Array(8)),
    /bytes 0 to 4 of its data belong to no tensor/,
  ],
  ['a header of 100 000 open brackets', () => withHeader('['.repeat(100_000)), /header is not JSON/],
  ['tensors nested in tensors', () => withHeader('{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000)), /header is/],
  ['a tensor called __proto__', () => withHeader('{"__proto__":{"dtype":"F32"}}', new Uint8Array(4)), /./],
  ['HDF5 cut in half', () => readFile(fixturePath('weights/truncated.h5')), /cannot be opened as HDF5/],
  ['nothing but an HDF5 signature', () => Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), /cannot be opened as HDF5/],
];

describe('loadWeights says that it cannot read', () => {
  test.each(damaged)('%s', async (_, bytes, reason) => {
    await expect(loadBytes(await bytes())).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(reason),
    });
  });

  test('a file that is not there, naming its path', async () => {
    const path = join(await tempDir(), 'absent.h5');
    const expected = { code: 'weights-unreadable', message: `There is no readable weights file at ${path}.` };
    await expect(loadWeights(path, graph)).rejects.toMatchObject(expected);
  });

  test('a folder', async () => {
    await expect(loadWeights(await tempDir(), graph)).rejects.toMatchObject({ code: 'weights-unreadable' });
  });

  test.each(['U8', 'I64', 'F8_E4M3', 'BOOL'])('%s where numbers are needed, and only there', async (dtype) => {
    const whole = (name: string) => {
      const bytes = safetensorsBytes({ ...fixtureTensors(), [name]: { shape: [2], data: Uint16Array.of(1, 2) } });
      const [length, header] = [bytes.readUInt32LE(), bytes.toString('utf8', 8, 8 + bytes.readUInt32LE())];
      return withHeader(header.replace('"F16"', `"${dtype}"`), bytes.subarray(8 + length));
    };
    await expect(loadBytes(whole('unused/bias'))).resolves.toBeDefined();
    await expect(loadBytes(whole('conv1/bias'))).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringContaining(`conv1/bias has type ${dtype}; float16, bfloat16, float32 and float64 are read`),
    });
  });

  test('a header longer than the format allows, even where the file is as long', async () => {
    const path = join(await tempDir(), 'sparse.safetensors');
    await writeFile(path, withHeader('{}', undefined, 100_000_001n));
    await truncate(path, 8 + 100_000_001);
    await expect(loadWeights(path, graph)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringContaining('header length 100000001'),
    });
  });

  test('data that vanished after the header was read', async () => {
    const path = join(await tempDir(), 'shrinking.safetensors');
    await writeFile(path, sound);
    const reader = await openWeights(path, graph);
    await writeFile(path, sound.subarray(0, 300));
    const reading = Promise.allSettled(reader.entries().map((entry) => reader.read(entry)));
    const failed = (await reading).flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    await reader.close();
    expect(failed.length).toBeGreaterThan(0);
    for (const error of failed) expect(error).toMatchObject({ code: 'weights-unreadable' });
  });
});

test('the sound file that the damaged ones are made of loads', async () => {
  await expect(loadBytes(sound)).resolves.toBeDefined();
  await expect(loadBytes(tensor({}))).rejects.toMatchObject({ code: 'weights-missing' });
});
