import { expect, test } from '@jest/globals';
import { opcodeName } from '../../../../src/formats/pickle/opcodes.js';

test('opcodeName names the opcodes of pickletools by their characters', () => {
  const named = [...Buffer.from('(.0c}R\x80\x93\x98', 'latin1')].map(opcodeName);
  expect(named).toEqual([
    'MARK',
    'STOP',
    'POP',
    'GLOBAL',
    'EMPTY_DICT',
    'REDUCE',
    'PROTO',
    'STACK_GLOBAL',
    'READONLY_BUFFER',
  ]);
  expect([0, 0x7f, 0x99, 0xff].map(opcodeName)).toEqual([undefined, undefined, undefined, undefined]);
  const all = Array.from({ length: 256 }, (_, byte) => opcodeName(byte)).filter((name) => name !== undefined);
  // pickletools.opcodes of Python 3.11 has as many.
  expect(new Set(all).size).toBe(68);
});
