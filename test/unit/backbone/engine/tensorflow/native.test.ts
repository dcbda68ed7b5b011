import { beforeAll, describe, expect, test } from '@jest/globals';
import { readOutput } from '../../../../../src/backbone/engine/tensorflow/native.js';
import type { Runtime } from '../../../../../src/backbone/engine/tensorflow/native.js';
import { decodeHalf, roundToHalf } from '../../../../support/half.js';
import { useTypedArraysOfTheProcess } from '../../../../support/outer-realm.js';
import { held, runtimesHere, use } from '../../../../support/tensorflow-runtimes.js';

useTypedArraysOfTheProcess();

const HALVES = Array.from({ length: 0x7c00 }, (_, bits) => decodeHalf(bits));
/** Every finite half, and what lies a quarter, half and three quarters of the way to the next; of both signs. */
const AROUND_HALVES = HALVES.flatMap((value, i) => {
  const step = (HALVES[i + 1] ?? 65536) - value;
  return [value, value + step / 4, value + step / 2, value + (3 * step) / 4];
}).flatMap((value) => [value, -value]);

describe.each(await runtimesHere())('readOutput on $name', ({ runtime }) => {
  const onThis = runtime ? test : test.skip;
  const here = runtime as Runtime;
  beforeAll(() => (runtime ? use(runtime) : undefined));

  /** Reads a tensor that the backend itself has made. */
  const read = (values: number[], dtype: 'float32' | 'float16') => {
    const { tf } = here;
    const given = tf.tensor1d(values);
    const made = tf.neg(given);
    const before = held(here);
    const bytes = readOutput(here, made, dtype);
    expect(held(here)).toEqual(before);
    tf.dispose([given, made]);
    return bytes;
  };
  const halves = (values: readonly number[]) => {
    const { buffer, byteOffset, byteLength } = read(
      values.map((value) => -value),
      'float16',
    );
    return new Uint16Array(buffer, byteOffset, byteLength / 2);
  };

  onThis('float16 is the nearest, and in the middle the even one, at every half there is', () => {
    const found = halves(AROUND_HALVES);
    expect(found).toHaveLength(AROUND_HALVES.length);
    const wrong = AROUND_HALVES.filter((value, i) => decodeHalf(found[i]!) !== roundToHalf(value));
    expect(wrong).toEqual([]);
  });

  onThis('float16 keeps the sign of zero, infinities and what is not a number', () => {
    expect([...halves([0, -0, Infinity, -Infinity, 1e10, -1e10])]).toEqual([0, 0x8000, 0x7c00, 0xfc00, 0x7c00, 0xfc00]);
    expect([...halves([NaN, 1])].map(decodeHalf)).toEqual([NaN, 1]);
  });

  onThis.each([1, 2, 3, 7, 8])('%d elements are as many halves', (count) => {
    const values = Array.from({ length: count }, (_, i) => i + 2 ** -11);
    expect([...halves(values)].map(decodeHalf)).toEqual(values.map(roundToHalf));
  });

  onThis('float32 comes as it is, in memory of its own', () => {
    const values = [1.1, -2.2, 3.3e-20, 4.4e30, 0].map(Math.fround);
    const [first, second] = [read(values, 'float32'), read(values, 'float32')];
    expect(first.buffer).not.toBe(second.buffer);
    expect(first.buffer.byteLength).toBe(first.byteLength);
    const numbers = new Float32Array(first.buffer, first.byteOffset, values.length);
    expect([...numbers]).toEqual(values.map((value) => -value));
  });
});
