import { expect, test } from '@jest/globals';
import { stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { showLiveness } from '../../../src/worker/liveness.js';
import { until } from '../../integration/support/service.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const log = { log: () => undefined, warn: () => undefined };

test('the file is young while the worker is sound, and gone once it has stopped', async () => {
  const path = join(await tempDir(), 'alive');
  let sound = true;
  const stop = showLiveness(path, () => sound, log, 20);
  const age = async () => Date.now() - (await stat(path)).mtimeMs;
  const old = async () => utimes(path, new Date(0), new Date(0));
  await until(() =>
    age().then(
      () => true,
      () => false,
    ),
  );
  await old();
  await until(async () => (await age()) < 60_000);
  sound = false;
  // One renewal may be under way.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await old();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await age()).toBeGreaterThan(60_000);
  await stop();
  await expect(stat(path)).rejects.toThrow('ENOENT');
});

test('a file that cannot be written is told of once', async () => {
  const lines: string[] = [];
  let looks = 0;
  const path = join(await tempDir(), 'no-folder', 'alive');
  const stop = showLiveness(path, () => ++looks > 0, { ...log, warn: (line) => lines.push(line) }, 20);
  await until(() => looks > 3);
  await stop();
  expect(lines).toEqual([expect.stringContaining('ENOENT')]);
});
