import { expect, test } from '@jest/globals';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../../src/files/durable.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();

test('makeFolder makes a folder and those above it, also when several do so at once', async () => {
  const folder = join(await tempDir(), 'a', 'b', 'c');
  await Promise.all([makeFolder(folder), makeFolder(folder), makeFolder(join(folder, 'd'))]);
  await makeFolder(folder);
  expect((await stat(join(folder, 'd'))).isDirectory()).toBe(true);
});

test('makeFolder fails below a file, and where a file has the name', async () => {
  const file = join(await tempDir(), 'file');
  await writeFile(file, '');
  await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(file, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('makeFolder ends below /proc, which answers ENOENT though the parent exists', async () => {
  await expect(makeFolder('/proc/cairn/features')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('makeFolder does not make the root that it is given', async () => {
  const root = join(await tempDir(), 'mount');
  await expect(makeFolder(join(root, 'a/b'), root)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(stat(root)).rejects.toMatchObject({ code: 'ENOENT' });
  await mkdir(root);
  await makeFolder(join(root, 'a/b'), root);
  expect((await stat(join(root, 'a/b'))).isDirectory()).toBe(true);
});
