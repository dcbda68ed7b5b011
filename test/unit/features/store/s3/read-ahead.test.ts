import { beforeEach, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readAhead, type Fetch } from '../../../../../src/features/store/s3/read-ahead.js';

const KIB = 1024;
const object = randomBytes(4 << 20);
let fetched: [number, number][];
let read: Fetch;

beforeEach(() => {
  fetched = [];
  read = readAhead((start, length) => {
    fetched.push([start, length]);
    return Promise.resolve(Buffer.from(object.subarray(start, start + length)));
  }, object.length);
});

const expectBytes = async (start: number, length: number) =>
  expect((await read(start, length)).equals(object.subarray(start, start + length))).toBe(true);

test('a header and what follows it are one request where it is small, two where it is not', async () => {
  await expectBytes(1000, 30);
  await expectBytes(1030, 100 * KIB);
  expect(fetched).toEqual([[1000, 128 * KIB]]);
  await expectBytes(1030 + 100 * KIB, 1 << 20);
  expect(fetched.slice(1)).toEqual([[1000 + 128 * KIB, (1 << 20) + 1030 + 100 * KIB - 1000 - 128 * KIB]]);
});

test('large reads fetch what they ask for', async () => {
  await expectBytes(5, 300 * KIB);
  expect(fetched).toEqual([[5, 300 * KIB]]);
});

test('small reads one after the other fetch more and more, never beyond the end', async () => {
  for (let at = 0; at < object.length; at += 64 * KIB) await expectBytes(at, 64 * KIB);
  expect(fetched.map(([, length]) => length / KIB)).toEqual([128, 256, 512, 1024, 1024, 1024, 128]);
});

test('reads at once of one window share its request; each gets memory of its own, aligned', async () => {
  const [one, other] = await Promise.all([read(7, 8), read(7, 8)]);
  expect(fetched).toHaveLength(1);
  one.fill(0);
  expect(other.equals(object.subarray(7, 15))).toBe(true);
  expect([one.byteOffset, one.buffer.byteLength]).toEqual([0, 8]);
});

test('a window that failed is asked for again', async () => {
  let fails = true;
  const failing = readAhead(
    (start, length) =>
      fails
        ? Promise.reject(new Error('broken'))
        : Promise.resolve(Buffer.from(object.subarray(start, start + length))),
    object.length,
  );
  await expect(failing(0, 10)).rejects.toThrow('broken');
  fails = false;
  expect((await failing(0, 10)).equals(object.subarray(0, 10))).toBe(true);
});
