import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { openTorchLegacy } from '../../../../../src/backbone/weights/pickle/torch-legacy.js';
import { fixturePath } from '../../../../support/fixtures.js';
import { code, MemoryFile, pickleOf } from '../../../../support/pickle-code.js';

const { call, dict, global, int, none, persistent, raw, text, tuple } = code;

const hooks = call(global('collections', 'OrderedDict'));
function tensor(key: string, elements: number) {
  const id = tuple(text('storage'), global('torch', 'FloatStorage'), text(key), text('cpu'), int(elements), none);
  const args = [persistent(id), int(0), tuple(int(elements)), tuple(int(1)), raw('\x89'), hooks];
  return call(global('torch._utils', '_rebuild_tensor_v2'), ...args);
}
function stored(...values: number[]) {
  const length = Buffer.alloc(8);
  length.writeBigInt64LE(BigInt(values.length));
  return Buffer.concat([length, Buffer.from(Float32Array.from(values).buffer)]);
}
const list = (...items: Uint8Array[]) => Buffer.concat([raw(']('), ...items, raw('e')]);

const MAGIC = pickleOf(raw('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'));
const machine = (little: boolean) => pickleOf(dict([text('little_endian'), raw(little ? '\x88' : '\x89')]));
const HEAD = [MAGIC, pickleOf(int(1001)), machine(true)];
const STATE = pickleOf(dict([text('a'), tensor('x', 2)], [text('b'), tensor('y', 1)]));
const KEYS = pickleOf(list(text('y'), text('x')));

async function open(...parts: Uint8Array[]) {
  const file = new MemoryFile(Buffer.concat(parts));
  try {
    return { file, reader: await openTorchLegacy('net.pth', file) };
  } catch (error) {
    expect(file.closed).toBe(1);
    throw error;
  }
}

describe('openTorchLegacy', () => {
  test('finds each storage at its place, whatever their order', async () => {
    const { file, reader } = await open(...HEAD, STATE, KEYS, stored(3), stored(1, 2));
    const values = await Promise.all(reader.entries().map(async (entry) => [...(await reader.read(entry))]));
    expect(values).toEqual([[1, 2], [3]]);
    await reader.close();
    expect(file.closed).toBe(1);
  });

  test('reads no tensor to list them', async () => {
    const big = Buffer.concat([stored(3), Buffer.alloc(8), Buffer.alloc(40_000_000)]);
    big.writeBigInt64LE(10_000_000n, 12);
    const state = pickleOf(dict([text('a'), tensor('x', 10_000_000)], [text('b'), tensor('y', 1)]));
    const { file, reader } = await open(...HEAD, state, KEYS, big);
    expect(reader.entries()).toHaveLength(2);
    expect(file.bytesRead).toBeLessThan(200_000);
  });

  test.each([
    ['another protocol', [MAGIC, pickleOf(int(1002))], /protocol is not that of torch\.save/],
    ['a big-endian machine', [MAGIC, pickleOf(int(1001)), machine(false)], /big-endian/],
    ['fewer storages', [...HEAD, STATE, pickleOf(list(text('y')))], /does not list its storages/],
    [
      'other storages',
      [...HEAD, STATE, pickleOf(list(text('y'), text('z'))), stored(3)],
      /lists storages that it does not use/,
    ],
    ['a storage twice', [...HEAD, STATE, pickleOf(list(text('y'), text('y'))), stored(3)], /that it does not use/],
    ['no list', [...HEAD, STATE, pickleOf(none)], /does not list its storages/],
    ['another length', [...HEAD, STATE, KEYS, stored(3, 4)], /a storage has 2 elements instead of 1/],
    ['an end within a storage', [...HEAD, STATE, KEYS, stored(3), stored(1, 2).subarray(0, 12)], /truncated/],
    ['an end before a storage', [...HEAD, STATE, KEYS, stored(3)], /truncated/],
    ['an end within a pickle', [...HEAD, STATE.subarray(0, 40)], /ends early/],
  ])('refuses %s', async (_, parts, message) => {
    await expect(open(...parts)).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['in the object', [...HEAD, pickleOf(call(global('os', 'system'), text('x')))]],
    ['before it', [MAGIC, pickleOf(call(global('os', 'system'), text('x')))]],
    ['after it', [...HEAD, STATE, pickleOf(call(global('os', 'system'), text('x')))]],
  ])('refuses a call %s', async (_, parts) => {
    await expect(open(...parts)).rejects.toMatchObject({
      code: 'weights-unsafe-pickle',
      message: expect.stringContaining('os.system'),
    });
  });

  test('refuses every cut of a file of PyTorch', async () => {
    const whole = readFileSync(fixturePath('weights/torch-legacy.pth'));
    for (let length = 20; length < whole.length; length += 7) {
      await expect(open(whole.subarray(0, length))).rejects.toMatchObject({ code: 'weights-unreadable' });
    }
  });
});
