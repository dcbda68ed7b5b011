import { describe, expect, test } from '@jest/globals';
import { PickleBytes } from '../../../../src/formats/pickle/pickle-bytes.js';
import {
  PICKLE_LIMITS,
  Span,
  unpickle,
  UnsafePickle,
  type PickleHost,
} from '../../../../src/formats/pickle/unpickle.js';
import { code, MemoryFile, pickleOf } from '../../../support/pickle-code.js';

const { call, dict, global, int, none, persistent, raw, text, tuple } = code;

class Pair {
  state: unknown;
  constructor(readonly args: readonly unknown[]) {}
  build(state: unknown): void {
    this.state = state;
  }
}

/** Knows one global, `net.pair`, which makes an object, and whose state can be set. */
const HOST: PickleHost = {
  find: (module, name) => {
    if (`${module}.${name}` !== 'net.pair') throw new UnsafePickle(`its pickle asks for ${module}.${name}`);
    return { call: (args) => new Pair(args) };
  },
  persistent: (id) => ({ id }),
};
const read = (pickle: Uint8Array) => unpickle(new PickleBytes(new MemoryFile(pickle)), HOST);

describe('unpickle reads data', () => {
  test.each([
    ['None', none, null],
    ['True', raw('\x88'), true],
    ['False', raw('\x89'), false],
    ['a byte', raw('K\xff'), 255],
    ['two bytes', raw('M\x00\x01'), 256],
    ['a negative integer', int(-2), -2],
    ['a long integer of one byte', raw('\x8a\x01\xfe'), -2],
    ['a long integer of no bytes', raw('\x8a\x00'), 0],
    [
      'the magic number of torch.save',
      raw('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'),
      0x1950a86a20f9469cfc6cn,
    ],
    ['a float', raw('G\x3f\xf8\x00\x00\x00\x00\x00\x00'), 1.5],
    ['text', text('ü'), 'ü'],
    ['short text', raw('\x8c\x02\xc3\xbc'), 'ü'],
    ['text of Python 2', raw('U\x02\xc3\xbc'), 'Ã¼'],
    ['bytes', raw('C\x02\x00\xff'), Buffer.of(0, 255)],
    ['a tuple', tuple(int(1), text('a')), [1, 'a']],
    ['tuples of one, two, three', raw('K\x01\x85K\x02K\x03\x86K\x04\x87'), [[1], [2, 3], 4]],
    ['a list', raw(']K\x01a(K\x02K\x03e'), [1, 2, 3]],
    ['a set', raw('\x8f(K\x01\x90'), [1]],
    [
      'a dictionary',
      dict([text('a'), int(1)], [int(2), none]),
      new Map<unknown, unknown>([
        ['a', 1],
        [2, null],
      ]),
    ],
    ['one item', raw('}K\x01K\x02s'), new Map([[1, 2]])],
    ['a memo', raw('K\x07q\x05]q\x01h\x05a'), [7]],
    ['memos of protocol 4', raw('K\x07\x94]\x94h\x00a'), [7]],
    ['frames, which are read through', raw('\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x05'), 5],
    ['a persistent id', persistent(text('x')), { id: 'x' }],
  ])('%s', async (_, parts, value) => {
    expect(await read(pickleOf(parts))).toEqual(value);
  });

  test('a global is what the host says, and the state of its objects too', async () => {
    const made = call(global('net', 'pair'), int(1));
    expect(await read(pickleOf(made, text('s'), raw('b')))).toMatchObject({ args: [1], state: 's' });
    expect(await read(pickleOf(raw('\x8c\x03net\x8c\x04pair\x93)\x81')))).toMatchObject({ args: [] });
  });

  test('the attributes of dictionaries are dropped', async () => {
    expect(await read(pickleOf(raw('}}b')))).toEqual(new Map());
  });

  test('one pickle after another', async () => {
    const bytes = new PickleBytes(new MemoryFile(Buffer.concat([pickleOf(int(1)), pickleOf(int(2))])));
    expect([await unpickle(bytes, HOST), await unpickle(bytes, HOST)]).toEqual([1, 2]);
  });

  test('long bytes and texts stay in the file', async () => {
    const long = 'x'.repeat(PICKLE_LIMITS.heldBytes + 1);
    const span = (await read(pickleOf(text(long)))) as Span;
    expect(span).toEqual(new Span(7, long.length, 'utf8'));
    const bytes = Buffer.concat([raw('\x8e\x88\x13\x00\x00\x00\x00\x00\x00'), Buffer.alloc(5000)]);
    expect(await read(pickleOf(bytes))).toEqual(new Span(11, 5000, 'bytes'));
  });
});

describe('unpickle refuses', () => {
  test.each([
    ['a function', call(global('os', 'system'), text('touch x')), 'its pickle asks for os.system'],
    ['INST', raw('(ios\nsystem\n'), 'opcode INST'],
    ['OBJ', raw('(o'), 'opcode OBJ'],
    ['EXT1', raw('\x82\x01'), 'opcode EXT1'],
    ['NEWOBJ_EX', raw('\x92'), 'opcode NEWOBJ_EX'],
    ['INT of protocol 0', raw('I1\n'), 'opcode INT'],
    ['buffers outside of the file', raw('\x97'), 'opcode NEXT_BUFFER'],
    ['a call of a text', raw('U\x01a)R'), 'calls something that is no known function'],
    ['state of a number', raw('K\x01}b'), 'sets the state of something that has none'],
  ])('%s, as unsafe', async (_, parts, message) => {
    const refusal = read(pickleOf(parts));
    await expect(refusal).rejects.toThrow(UnsafePickle);
    await expect(refusal).rejects.toThrow(message);
  });

  test.each([
    ['an unknown byte', raw('\xfe'), 'a byte 254 where an opcode is expected'],
    ['an empty stack', raw('a'), 'more from its stack than is there'],
    ['a tuple of too few', raw('K\x01\x87'), 'more from its stack than is there'],
    ['no mark', raw('t'), 'no mark'],
    ['an absent memo', raw('h\x05'), 'no memo 5'],
    ['a later protocol', raw('\x80\x06'), 'protocol is 6'],
    ['items of no dictionary', raw('](K\x01K\x02u'), 'items of no dictionary'],
    ['half an item', raw('}(K\x01u'), 'items of no dictionary'],
    ['an append to no list', raw('}K\x01a'), 'no list'],
    ['a global by number', raw('K\x01K\x02\x93'), 'a global without a name'],
    ['text longer than the file', raw('X\xff\xff\xff\x7f'), 'ends early'],
    ['bytes of 2⁶³', raw('\x8e\xff\xff\xff\xff\xff\xff\xff\x7f'), 'ends early'],
    ['short text beyond the end', raw('\x8c\xff'), 'ends early'],
  ])('%s, as damaged', async (_, parts, message) => {
    const refusal = read(pickleOf(parts));
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.not.toThrow(UnsafePickle);
  });

  test('a pickle without an end', async () => {
    await expect(read(raw('\x80\x02N'))).rejects.toThrow('ends early');
    await expect(read(Buffer.alloc(0))).rejects.toThrow('ends early');
  });

  test.each([
    ['opcodes', raw('N'.repeat(PICKLE_LIMITS.opcodes)), 'more than 1000000 opcodes'],
    ['objects', raw(')'.repeat(PICKLE_LIMITS.containers + 1)), 'more than 200000 objects'],
    ['marks', raw('('.repeat(PICKLE_LIMITS.depth + 1)), 'more than 1000 deep'],
    ['memo entries', raw(`N${'\x94'.repeat(PICKLE_LIMITS.memo + 1)}`), 'more than 500000 memo entries'],
    [
      'arguments',
      Buffer.concat([
        raw(`](${'N'.repeat(1000)}e\x85q\x01`),
        ...Array<Buffer>(2001).fill(Buffer.concat([global('net', 'pair'), raw('h\x01R')])),
      ]),
      'more than 2000000 arguments',
    ],
    ['text', Buffer.concat(Array<Buffer>(9000).fill(text('x'.repeat(4000)))), 'bytes of text'],
  ])('more %s than any checkpoint has', async (_, parts, message) => {
    await expect(read(pickleOf(parts))).rejects.toThrow(message);
  });
});
