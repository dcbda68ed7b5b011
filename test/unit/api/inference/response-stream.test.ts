import { afterEach, expect, jest, test } from '@jest/globals';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { streamAnswer, type Answer } from '../../../../src/api/inference/response-stream.js';
import type { Dtype } from '../../../../src/backbone/tensor.js';
import { ArchiveReader } from '../../../../src/features/archive-reader.js';
import { writeArchive } from '../../../../src/features/archive-writer.js';
import { FileStore } from '../../../../src/features/store/file-store.js';
import { loadZstd } from '../../../../src/formats/zstd.js';
import { collect } from '../../../support/chunks.js';
import { openFilesBelow } from '../../../support/open-files.js';
import { numberLevel, setOf } from '../../../support/pyramids.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const newFolder = useTempDirs();
const open: ArchiveReader[] = [];

afterEach(async () => {
  for (const archive of open.splice(0)) await archive.close();
});

/** Two archives of two levels, the finer of which has several bands; each set has numbers of its own. */
async function twoArchives(dtype: Dtype) {
  const folder = await newFolder();
  const store = new FileStore(folder);
  const zstd = await loadZstd();
  const sets = [8, 16].map((stride) =>
    setOf([numberLevel('P2', [64, 64, 96], stride, dtype), numberLevel('P3', [32, 32, 4], 2 * stride, dtype)], 256),
  );
  const archives = [];
  for (const [i, set] of sets.entries()) {
    await store.put(`${i}`, writeArchive(set, zstd));
    archives.push(await ArchiveReader.open((await store.open(`${i}`))!, zstd));
  }
  open.push(...archives);
  const stacked = (name: string) =>
    Buffer.concat(sets.map(({ levels }) => levels.find((level) => level.name === name)!.tensor.data));
  return { archives, folder, stacked };
}

const answer = (outputs: Answer['outputs'], id?: string): Answer => ({
  modelName: 'm',
  modelVersion: '1',
  id,
  outputs,
});

interface AnswerJson {
  outputs: { name: string; datatype: string; shape: number[]; data?: number[]; parameters?: object }[];
}

function floatsOf(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Files are closed a moment after the last byte. */
async function allClosed(folder: string): Promise<void> {
  for (let tries = 0; tries < 100 && openFilesBelow(folder).length > 0; tries++) await sleep(10);
  expect(openFilesBelow(folder)).toEqual([]);
}

test.each([
  ['float32', 'FP32', 4],
  ['float16', 'FP16', 2],
  ['uint8', 'UINT8', 1],
] as const)('binary %s: JSON, then the outputs as they were asked for', async (dtype, datatype, bytes) => {
  const { archives, stacked, folder } = await twoArchives(dtype);
  const outputs = ['P3', 'P2'].map((name) => ({ name, binary: true }));
  const { stream, headerLength, length } = await streamAnswer(archives, answer(outputs, 'mine "one"'));
  const body = await collect(stream);
  expect(length).toBe(body.length);
  const json = JSON.parse(body.subarray(0, headerLength).toString()) as AnswerJson;
  // The parameters of integers are strings, one number per image.
  const quantization = (strides: number[]) =>
    dtype === 'uint8' && {
      scale: strides.map((stride) => Math.fround(2 / (100 + stride))).join(','),
      zero_point: strides.map((stride) => 100 + stride).join(','),
    };
  const id = archives[0]!.description.id;
  expect(json).toEqual({
    model_name: 'm',
    model_version: '1',
    id: 'mine "one"',
    parameters: { features: `${id},${id}` },
    outputs: [
      {
        name: 'P3',
        datatype,
        shape: [2, 32, 32, 4],
        parameters: { binary_data_size: 2 * 32 * 32 * 4 * bytes, ...quantization([16, 32]) },
      },
      {
        name: 'P2',
        datatype,
        shape: [2, 64, 64, 96],
        parameters: { binary_data_size: 2 * 64 * 64 * 96 * bytes, ...quantization([8, 16]) },
      },
    ],
  });
  expect(body.subarray(headerLength).equals(Buffer.concat([stacked('P3'), stacked('P2')]))).toBe(true);
  await allClosed(folder);
});

test('JSON has the same numbers', async () => {
  const { archives, stacked } = await twoArchives('float32');
  const outputs = ['P2', 'P3'].map((name) => ({ name, binary: false }));
  const { stream, headerLength, length } = await streamAnswer(archives, answer(outputs));
  expect([headerLength, length]).toEqual([undefined, undefined]);
  const json = JSON.parse((await collect(stream)).toString()) as AnswerJson;
  expect(Object.keys(json)).toEqual(['model_name', 'model_version', 'parameters', 'outputs']);
  for (const { name, data } of json.outputs) {
    expect(Buffer.from(Float32Array.from(data!).buffer).equals(stacked(name))).toBe(true);
  }
});

test('JSON has integers as they are, with what they stand for', async () => {
  const { archives, stacked } = await twoArchives('uint8');
  const { stream } = await streamAnswer(archives, answer([{ name: 'P3', binary: false }]));
  const [output] = (JSON.parse((await collect(stream)).toString()) as AnswerJson).outputs;
  expect(output).toMatchObject({ datatype: 'UINT8', shape: [2, 32, 32, 4] });
  expect(output!.parameters).toEqual({
    scale: `${Math.fround(2 / 116)},${Math.fround(2 / 132)}`,
    zero_point: '116,132',
  });
  expect(Buffer.from(output!.data!).equals(stacked('P3'))).toBe(true);
});

test('both kinds at once: the header tells the length of the JSON with its numbers', async () => {
  const { archives, stacked } = await twoArchives('float32');
  const outputs = [
    { name: 'P2', binary: true },
    { name: 'P3', binary: false },
  ];
  const { stream, headerLength, length } = await streamAnswer(archives, answer(outputs));
  const body = await collect(stream);
  expect(length).toBe(body.length);
  const json = JSON.parse(body.subarray(0, headerLength).toString()) as AnswerJson;
  expect(json.outputs[1]!.data).toEqual([...floatsOf(stacked('P3'))]);
  expect(body.subarray(headerLength).equals(stacked('P2'))).toBe(true);
});

test('a reader that goes away closes the archives', async () => {
  const { archives, folder } = await twoArchives('float32');
  const { stream } = await streamAnswer(archives, answer([{ name: 'P2', binary: true }]));
  await once(stream, 'readable');
  stream.destroy();
  await allClosed(folder);
});

test('other work has its turns while numbers are written', async () => {
  const { archives } = await twoArchives('float32');
  const { stream } = await streamAnswer(archives, answer([{ name: 'P2', binary: false }]));
  const original = Reflect.get(Float32Array.prototype, 'join');
  const lengths: number[] = [];
  let turns = 0;
  const join = jest.spyOn(Float32Array.prototype, 'join').mockImplementation(function (this: Float32Array, separator) {
    lengths.push(this.length);
    setImmediate(() => turns++);
    return original.call(this, separator);
  });
  await collect(stream as AsyncIterable<Uint8Array>);
  join.mockRestore();
  expect(lengths.reduce((all, length) => all + length, 0)).toBe(2 * 64 * 64 * 96);
  // Some milliseconds of work at a time, of three bands at most.
  expect(Math.max(...lengths)).toBeLessThanOrEqual(1 << 14);
  expect(turns).toBeGreaterThanOrEqual(lengths.length / 3 - 1);
});
