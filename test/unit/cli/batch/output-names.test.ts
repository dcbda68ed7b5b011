import { expect, test } from '@jest/globals';
import { posix } from 'node:path';
import type { InputLine } from '../../../../src/cli/batch/manifest-line.js';
import { outputName, refuseConflicts } from '../../../../src/cli/batch/output-names.js';

test.each([
  ['photo', 'photo.safetensors'],
  ['train/n01/photo.v2', 'train/n01/photo.v2.safetensors'],
  ['Ätna 雪', 'Ätna 雪.safetensors'],
  ['../../etc/passwd', '__/__/etc/passwd.safetensors'],
  ['/etc/passwd', 'etc/passwd.safetensors'],
  ['a//./b/', 'a/b.safetensors'],
  ['.hidden', '_hidden.safetensors'],
  ['a\\b:c\n\0', 'a_b_c__.safetensors'],
  ['', '_.safetensors'],
  ['..', '__.safetensors'],
])('%j is written to %s', (name, file) => {
  expect(outputName(name)).toBe(file);
});

test('a name is cut to what a file system takes, and stays another one than its neighbours', () => {
  const [one, two] = ['a', 'b'].map((end) => outputName('雪'.repeat(200) + end));
  expect(one).not.toBe(two);
  for (const file of [one!, two!]) {
    expect(Buffer.byteLength(posix.basename(file))).toBeLessThan(200);
    expect(file).not.toContain('\uFFFD');
  }
});

const lines = (...names: string[]) =>
  // eslint-disable-next-line @typescript-eslint/require-await -- an input
  async function* (): AsyncGenerator<InputLine> {
    for (const [index, name] of names.entries()) {
      yield { line: index + 1, name, source: { path: name }, options: {} };
    }
  };

test('two lines of one file are refused by their numbers', async () => {
  await expect(refuseConflicts(lines('a', 'b', './a'))).rejects.toMatchObject({
    code: 'output-conflict',
    message: expect.stringMatching(/^Lines 1 and 3 would both be written to a\.safetensors/),
  });
  await expect(refuseConflicts(lines('a', 'b', 'c/a'))).resolves.toBeUndefined();
});
