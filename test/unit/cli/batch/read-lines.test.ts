import { expect, test } from '@jest/globals';
import { readLines } from '../../../../src/cli/batch/read-lines.js';

// eslint-disable-next-line @typescript-eslint/require-await -- a stream of chunks
async function* chunks(...texts: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text as string);
}

const all = async (source: AsyncIterable<Uint8Array>, limit = 100) => {
  const lines: (readonly [number, string | undefined])[] = [];
  for await (const { number, text } of readLines(source, limit)) lines.push([number, text]);
  return lines;
};

test('lines are counted from 1, empty ones too, wherever chunks are cut', async () => {
  const bytes = Buffer.from('erste\n\nzweite ünd\n');
  const expected = [
    [1, 'erste'],
    [2, ''],
    [3, 'zweite ünd'],
  ];
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(await all(chunks(bytes.subarray(0, cut), bytes.subarray(cut)))).toEqual(expected);
  }
});

test('the last line needs no newline', async () => {
  expect(await all(chunks('a\nb'))).toEqual([
    [1, 'a'],
    [2, 'b'],
  ]);
  expect(await all(chunks())).toEqual([]);
});

test('a line that is too long is told of and not kept; those around it are read', async () => {
  const long = 'x'.repeat(60);
  expect(await all(chunks('a\n', long, long, '\nb\n'), 100)).toEqual([
    [1, 'a'],
    [2, undefined],
    [3, 'b'],
  ]);
  expect(await all(chunks('x'.repeat(100) + '\n'), 100)).toEqual([[1, 'x'.repeat(100)]]);
});
