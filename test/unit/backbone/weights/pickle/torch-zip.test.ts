import { describe, expect, test } from '@jest/globals';
import { openTorchZip } from '../../../../../src/backbone/weights/pickle/torch-zip.js';
import { ZipReader } from '../../../../../src/formats/zip/zip-reader.js';
import { code, MemoryFile, pickleOf } from '../../../../support/pickle-code.js';
import { zipBytes, type ZipMember } from '../../../../support/zip-bytes.js';

const { call, dict, global, int, persistent, raw, text, tuple } = code;

function storage(type: string, elements: number, key = '0') {
  return persistent(tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(elements)));
}
function tensor(what: Uint8Array, shape: number[], strides: number[], offset = 0) {
  const numbers = (values: number[]) => tuple(...values.map(int));
  const hooks = call(global('collections', 'OrderedDict'));
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    what,
    int(offset),
    numbers(shape),
    numbers(strides),
    raw('\x89'),
    hooks,
  );
}

const numbers = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const state = pickleOf(dict([text('a'), tensor(storage('FloatStorage', 4), [2, 2], [2, 1])]));
const member = (name: string, data: Uint8Array, more: Partial<ZipMember> = {}): ZipMember => ({
  name: `net/${name}`,
  data,
  ...more,
});

async function open(members: ZipMember[]) {
  const file = new MemoryFile(zipBytes(members));
  try {
    return { file, reader: await openTorchZip('net.pth', await ZipReader.open(file)) };
  } catch (error) {
    expect(file.closed).toBe(1);
    throw error;
  }
}
const usual = [member('data.pkl', state), member('byteorder', Buffer.from('little')), member('data/0', numbers)];

describe('openTorchZip', () => {
  test('reads tensors when they are wanted', async () => {
    const { file, reader } = await open(usual);
    expect(reader.format).toBe('torch');
    expect(reader.entries()).toEqual([{ path: 'a', shape: [2, 2], dtype: 'float32' }]);
    const reads = file.reads;
    expect([...(await reader.read(reader.entries()[0]!))]).toEqual([1, 2, 3, 4]);
    expect(file.reads).toBe(reads + 1);
    await reader.close();
    expect(file.closed).toBe(1);
  });

  test('reads a zip that was packed again, and one whose files lie at its top', async () => {
    const packed = usual.map((one) => ({ ...one, name: one.name.slice('net/'.length), deflate: true }));
    const { reader } = await open(packed);
    expect([...(await reader.read(reader.entries()[0]!))]).toEqual([1, 2, 3, 4]);
  });

  test('reads a part of a storage', async () => {
    const part = pickleOf(dict([text('a'), tensor(storage('FloatStorage', 4), [2], [2], 1)]));
    const { reader } = await open([member('data.pkl', part), member('data/0', numbers)]);
    expect([...(await reader.read(reader.entries()[0]!))]).toEqual([2, 4]);
  });

  test('lists integers, and refuses to read them', async () => {
    const counter = pickleOf(dict([text('n'), tensor(storage('LongStorage', 1), [], [])]));
    const { reader } = await open([member('data.pkl', counter), member('data/0', Buffer.alloc(8))]);
    expect(reader.entries()).toEqual([{ path: 'n', shape: [], dtype: 'int64' }]);
    await expect(reader.read(reader.entries()[0]!)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringContaining('n cannot be read: its type is int64; float16'),
    });
  });

  test.each([
    ['a storage that is absent', usual.slice(0, 2), /storage 0 has not the 16 bytes/],
    ['a storage of another size', [usual[0]!, member('data/0', Buffer.alloc(12))], /storage 0 has not the 16 bytes/],
    ['another byte order', [...usual.slice(0, 1), member('byteorder', Buffer.from('big'))], /big-endian/],
    ['a program', [...usual, member('constants.pkl', state)], /TorchScript program/],
    ['no state_dict', [member('data.pkl', pickleOf(raw('N')))], /no state_dict/],
    [
      'a compressed storage of more than a GiB',
      [
        member('data.pkl', pickleOf(dict([text('a'), tensor(storage('FloatStorage', 2 ** 29), [1], [1])]))),
        member('data/0', numbers, { deflate: true, declaredSize: 2 ** 31 }),
      ],
      /compressed and has more than 1073741824 bytes/,
    ],
  ])('refuses %s', async (_, members, message) => {
    await expect(open(members)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(message),
    });
  });

  test('refuses a pickle that would run something, by name', async () => {
    const call = pickleOf(code.call(global('posix', 'system'), text('touch /tmp/marker')));
    await expect(open([member('data.pkl', call)])).rejects.toMatchObject({
      code: 'weights-unsafe-pickle',
      message: expect.stringMatching(/^net\.pth is refused: its pickle asks for posix\.system/),
    });
  });
});
