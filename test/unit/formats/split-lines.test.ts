import { expect, test } from '@jest/globals';
import { splitLines } from '../../../src/formats/split-lines.js';
import { chunksOf } from '../../support/chunks.js';

async function lines(chunks: readonly string[], maxBytes = 100): Promise<[number, string | undefined][]> {
  const found: [number, string | undefined][] = [];
  for await (const { number, bytes } of splitLines(chunksOf(...chunks), maxBytes)) {
    found.push([number, bytes?.toString()]);
  }
  return found;
}

test('lines are the same wherever the chunks are cut', async () => {
  const text = 'one\n\nthree\r\nfour';
  const expected = [
    [1, 'one'],
    [2, ''],
    [3, 'three\r'],
    [4, 'four'],
  ];
  for (let size = 1; size <= text.length; size++) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.slice(i * size, (i + 1) * size),
    );
    expect(await lines(chunks)).toEqual(expected);
  }
});

test('a newline at the end begins no line, and nothing is no line', async () => {
  expect(await lines(['one\n'])).toEqual([[1, 'one']]);
  expect(await lines([])).toEqual([]);
});

test('a line that is too long is told of without its bytes, and the next one is whole', async () => {
  const long = Array.from({ length: 50 }, () => 'x'.repeat(10));
  expect(await lines([...long, '\nshort\n', 'y'.repeat(100), '\n', 'z'.repeat(101)])).toEqual([
    [1, undefined],
    [2, 'short'],
    [3, 'y'.repeat(100)],
    [4, undefined],
  ]);
});
