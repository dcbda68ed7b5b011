import { describe, expect, test } from '@jest/globals';
import { PickleBytes } from '../../../../src/formats/pickle/pickle-bytes.js';
import { MemoryFile } from '../../../support/pickle-code.js';

describe('PickleBytes', () => {
  test('reads numbers in the byte orders of pickles, across blocks', async () => {
    const bytes = Buffer.alloc(200_000);
    bytes.writeUInt16LE(500, 1);
    bytes.writeDoubleBE(-1.5, 65_533);
    const reader = new PickleBytes(new MemoryFile(bytes));
    await reader.ensure(3);
    expect([reader.u8(), reader.u16(), reader.offset]).toEqual([0, 500, 3]);
    reader.skip(65_530);
    await reader.ensure(9);
    expect([reader.f64(), reader.offset]).toEqual([-1.5, 65_541]);
  });

  test('skips without reading', async () => {
    const file = new MemoryFile(Buffer.alloc(50_000_000));
    const reader = new PickleBytes(file);
    await reader.ensure(1);
    reader.skip(49_000_000);
    await reader.ensure(1);
    expect([reader.u8(), reader.offset]).toEqual([0, 49_000_001]);
    expect(file.bytesRead).toBeLessThan(200_000);
  });

  test('lines end within their limit', async () => {
    const reader = new PickleBytes(new MemoryFile(Buffer.from(`os\nsystem\n${'x'.repeat(300)}\n`)));
    expect([await reader.line(), await reader.line()]).toEqual(['os', 'system']);
    await expect(reader.line()).rejects.toThrow('a name has more than 256 bytes');
  });

  test('nothing lies behind the end', async () => {
    const reader = new PickleBytes(new MemoryFile(Buffer.from('abc')));
    await reader.ensure(10);
    expect(() => reader.u32()).toThrow('ends early');
    expect(() => reader.skip(4)).toThrow('ends early');
    expect(() => reader.skip(2 ** 53)).toThrow('ends early');
    expect(reader.take(3).toString()).toBe('abc');
    expect(() => reader.u8()).toThrow('ends early');
  });
});
