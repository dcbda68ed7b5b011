import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { openNumpyPickle } from '../../../../../src/backbone/weights/pickle/numpy-pickle.js';
import { fixturePath } from '../../../../support/fixtures.js';
import { code, MemoryFile, pickleOf } from '../../../../support/pickle-code.js';

const { call, dict, global, int, none, persistent, raw, text, tuple } = code;

async function open(bytes: Uint8Array) {
  const file = new MemoryFile(bytes);
  try {
    return { file, reader: await openNumpyPickle('net.pkl', file) };
  } catch (error) {
    expect(file.closed).toBe(1);
    throw error;
  }
}

/** As conformance/weight_fixtures.py makes it. */
const LONG = Float32Array.from({ length: 1200 }, (_, i) => ((i * 7919) % 1000) / 8);
const TURNED = Float32Array.from({ length: 1200 }, (_, i) => LONG[(i % 4) * 300 + Math.floor(i / 4)]!);

describe('arrays that stay in the file', () => {
  test.each(['large-2.pkl', 'large-4.pkl', 'large-5.pkl', 'large-python2.pkl'])('%s', async (name) => {
    const { file, reader } = await open(readFileSync(fixturePath(`weights/${name}`)));
    expect(reader.format).toBe('numpy-pickle');
    expect(reader.within).toBe('model');
    const [big, turned] = reader.entries();
    expect([big, turned]).toEqual([
      { path: 'big', shape: [4, 300], dtype: '<f4' },
      { path: 'turned', shape: [300, 4], dtype: '<f4' },
    ]);
    const reads = file.reads;
    expect(await reader.read(big!)).toEqual(LONG);
    expect(file.reads).toBe(reads + 1);
    expect(await reader.read(turned!)).toEqual(TURNED);
    await reader.close();
    expect(file.closed).toBe(1);
  });
});

const reconstruct = call(
  global('numpy.core.multiarray', '_reconstruct'),
  global('numpy', 'ndarray'),
  tuple(int(0)),
  text('b'),
);
function array(shape: number[], type: string, data: Uint8Array, order = '<') {
  const state = tuple(int(3), text(order), none, none, none, int(-1), int(-1), int(0));
  const dtype = Buffer.concat([call(global('numpy', 'dtype'), text(type), int(0), int(1)), state, raw('b')]);
  return Buffer.concat([reconstruct, tuple(int(1), tuple(...shape.map(int)), dtype, raw('\x89'), data), raw('b')]);
}
const held = (bytes: number[]) => Buffer.concat([raw(`U${String.fromCharCode(bytes.length)}`), Buffer.from(bytes)]);
const one = async (value: Uint8Array) => {
  const { reader } = await open(pickleOf(dict([text('a'), value])));
  return reader.read(reader.entries()[0]!);
};

describe('openNumpyPickle', () => {
  test('reads every byte order, and halves', async () => {
    expect([...(await one(array([1], 'f4', held([0, 0, 0xc0, 0x3f]))))]).toEqual([1.5]);
    expect([...(await one(array([1], 'f4', held([0x3f, 0xc0, 0, 0]), '>')))]).toEqual([1.5]);
    expect([...(await one(array([2], 'f2', held([0, 0x3c, 0, 0xbe]))))]).toEqual([1, -1.5]);
    expect([...(await one(array([1], 'f8', held([0, 0, 0, 0, 0, 0, 0xf8, 0x3f]))))]).toEqual([1.5]);
  });

  test.each([
    ['fewer bytes than its shape has', array([2], 'f4', held([0, 0, 0, 0])), /has 4 bytes where its shape needs 8/],
    ['more', array([], 'f4', held([0, 0, 0, 0, 0])), /has 5 bytes where its shape needs 4/],
    ['a shape of petabytes', array([2 ** 30, 2 ** 30], 'f4', held([0])), /where its shape needs/],
    ['integers', array([1], 'i8', held([0, 0, 0, 0, 0, 0, 0, 0])), /its type is <i8; float16/],
    ['objects', array([1], 'O8', raw('](K\x01e'), '|'), /its type is \|O8/],
    ['a list for bytes', array([1], 'f4', raw(']')), /not an array of numbers/],
    [
      'long text with other characters',
      array([1100], 'f4', text('\u4e00'.repeat(1500))),
      /characters that are no bytes/,
    ],
  ])('refuses %s', async (_, value, message) => {
    await expect(one(value)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(message),
    });
  });

  test('a long text may have bytes of one and of two bytes', async () => {
    const values = await one(array([1100], 'f4', text('\u0000\u0000\u00c0\u003f'.repeat(1100))));
    expect(new Set(values)).toEqual(new Set([1.5]));
  });

  test.each([
    ['a call', call(global('subprocess', 'Popen'), text('x')), /subprocess\.Popen/],
    ['a model of PyTorch', call(global('torchvision.models.resnet', 'ResNet')), /torchvision\.models\.resnet\.ResNet/],
    ['a persistent id', persistent(text('x')), /a persistent id/],
    ['an array of a class', call(global('numpy.core.multiarray', 'fromstring'), text('x')), /multiarray\.fromstring/],
  ])('refuses %s as unsafe', async (_, value, message) => {
    await expect(open(pickleOf(value))).rejects.toMatchObject({
      code: 'weights-unsafe-pickle',
      message: expect.stringMatching(message),
    });
  });

  test('reads no array that is not wanted', async () => {
    const bytes = Buffer.concat([raw('\x8e'), Buffer.alloc(8), Buffer.alloc(40_000_000)]);
    bytes.writeBigUInt64LE(40_000_000n, 1);
    const { file, reader } = await open(pickleOf(dict([text('a'), array([10_000_000], 'f4', bytes)])));
    expect(reader.entries()).toEqual([{ path: 'a', shape: [10_000_000], dtype: '<f4' }]);
    expect(file.bytesRead).toBeLessThan(200_000);
  });
});
