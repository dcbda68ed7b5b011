import { expect, test } from '@jest/globals';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { editKeyFile } from '../../../src/keys/edit-key-file.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const modeOf = async (file: string) => (await stat(file)).mode & 0o777;

test('a new file is its owner’s alone, an old one keeps its mode', async () => {
  const folder = await tempDir();
  const file = join(folder, 'keys');
  await editKeyFile(file, (text) => `${text}one\n`);
  expect([await modeOf(file), await readFile(file, 'utf8')]).toEqual([0o600, 'one\n']);
  await chmod(file, 0o640);
  await editKeyFile(file, (text) => `${text}two\n`);
  expect([await modeOf(file), await readFile(file, 'utf8')]).toEqual([0o640, 'one\ntwo\n']);
  expect(await readdir(folder)).toEqual(['keys']);
});

test('changes at the same time follow one another', async () => {
  const file = join(await tempDir(), 'keys');
  await Promise.all(Array.from({ length: 20 }, (_, i) => editKeyFile(file, (text) => `${text}${i}\n`)));
  expect(
    (await readFile(file, 'utf8'))
      .trim()
      .split('\n')
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual([...Array(20).keys()]);
});

test('a change that fails leaves the file and no lock', async () => {
  const folder = await tempDir();
  const file = join(folder, 'keys');
  await writeFile(file, 'as it was');
  await expect(
    editKeyFile(file, () => {
      throw new TypeError('no');
    }),
  ).rejects.toMatchObject({ code: 'store-failed' });
  expect([await readdir(folder), await readFile(file, 'utf8')]).toEqual([['keys'], 'as it was']);
});
