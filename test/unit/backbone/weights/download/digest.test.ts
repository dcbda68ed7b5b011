import { expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agrees, digestOf } from '../../../../../src/backbone/weights/download/digest.js';
import { useTempDirs } from '../../../../support/temp-dir.js';

const tempDir = useTempDirs();

test('a digest is compared as far as it is stated', async () => {
  const path = join(await tempDir(), 'file');
  await writeFile(path, 'abc');
  const md5 = await digestOf(path, 'md5:900150');
  expect(md5).toBe('md5:900150983cd24fb0d6963f7d28e17f72');
  const sha256 = await digestOf(path, 'sha256:00000000');
  expect(sha256).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect([agrees(md5, 'md5:900150'), agrees(md5, md5), agrees(sha256, 'sha256:ba7816bf')]).toEqual([true, true, true]);
  expect([agrees(md5, 'md5:900151'), agrees(sha256, 'sha256:ba7816b0'), agrees(md5, sha256)]).toEqual([
    false,
    false,
    false,
  ]);
});
