import { expect, test } from '@jest/globals';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openInput } from '../../../../src/cli/batch/input.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const makeFolder = useTempDirs();
const { signal } = new AbortController();

async function linesOf(target: string, recursive = false) {
  const input = await openInput(target, { recursive, workspace: await makeFolder(), signal });
  const passes = [];
  for (let pass = 0; pass < 2; pass++) {
    const lines = [];
    for await (const line of input()) lines.push(line);
    passes.push(lines);
  }
  expect(passes[1]).toEqual(passes[0]);
  return passes[0]!;
}

test('a folder is its images, sorted; links count, other files and hidden ones do not', async () => {
  const folder = await makeFolder();
  for (const name of ['b.JPG', 'a.png', 'c.tiff', 'notes.txt', '._a.png', 'd.avif'])
    await writeFile(join(folder, name), '');
  await mkdir(join(folder, 'below.jpg'));
  await writeFile(join(folder, 'below.jpg/e.webp'), '');
  await symlink('b.JPG', join(folder, 'link.jpeg'));
  await symlink('below.jpg', join(folder, 'folder.jpg'));
  await symlink('nowhere', join(folder, 'broken.jpg'));
  const flat = await linesOf(folder);
  expect(flat.map(({ line, name }) => [line, name])).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'broken'],
    [4, 'c'],
    [5, 'd'],
    [6, 'link'],
  ]);
  expect(flat[0]).toEqual({ line: 1, name: 'a', source: { path: join(folder, 'a.png') }, options: {} });
  const deep = await linesOf(folder, true);
  expect(deep.map(({ name }) => name)).toContain('below.jpg/e');
});

test('paths of a manifest are relative to it; lines keep their numbers', async () => {
  const folder = await makeFolder();
  const manifest = join(folder, 'list.ndjson');
  await writeFile(
    manifest,
    `{"source":{"path":"x/a.jpg"}}\n\nhttp://h/b.jpg\n{oops\n/abs/c.jpg\n${'y'.repeat(70_000)}\n`,
  );
  const lines = await linesOf(manifest);
  expect(lines).toMatchObject([
    { line: 1, name: 'a', source: { path: join(folder, 'x/a.jpg') } },
    { line: 3, name: 'b', source: { url: 'http://h/b.jpg' } },
    { line: 4, error: { code: 'request-malformed' } },
    { line: 5, name: 'c', source: { path: '/abs/c.jpg' } },
    { line: 6, error: { code: 'request-malformed' } },
  ]);
});

test('what cannot be an input is refused', async () => {
  const folder = await makeFolder();
  await writeFile(join(folder, 'photo.txt'), '');
  await expect(linesOf(folder)).rejects.toMatchObject({ code: 'image-missing' });
  await expect(linesOf(join(folder, 'missing'))).rejects.toMatchObject({ code: 'image-missing' });
  await writeFile(join(folder, 'photo.jpg'), '');
  await expect(linesOf(join(folder, 'photo.jpg'))).rejects.toMatchObject({ code: 'option-invalid' });
});
