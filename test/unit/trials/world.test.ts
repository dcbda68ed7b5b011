import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const HOUR_S = 3600;

/** The module finds its C file from the build, where it runs. */
async function prepare(folder: string) {
  const { World } = (await import(
    new URL('../../../dist/trials/place/world.js', import.meta.url).href
  )) as typeof import('../../../trials/place/world.js');
  return World.prepare(folder);
}

test('a process has the clock that it is given, and what it has not synced is cut off', async () => {
  const folder = await tempDir();
  const world = await prepare(folder);
  // No C compiler, or no Linux.
  if (!world) return;
  const env = { ...process.env, NODE_OPTIONS: '', ...world.env('p') };
  const run = (code: string) => execFileSync(process.execPath, ['--eval', code], { env }).toString();
  world.setClock('p', HOUR_S);
  expect(Number(run('console.log(Date.now())')) - Date.now()).toBeGreaterThan((HOUR_S - 60) * 1000);
  world.setClock('p', 0);
  expect(Math.abs(Number(run('console.log(Date.now())')) - Date.now())).toBeLessThan(60_000);

  await mkdir(join(folder, 'redis/appendonlydir'), { recursive: true });
  const path = join(folder, 'redis/appendonlydir/a.1.incr.aof');
  run(
    `const fs = require('fs'); const fd = fs.openSync(${JSON.stringify(path)}, 'w'); fs.writeSync(fd, 'kept'); fs.fdatasyncSync(fd);`,
  );
  await appendFile(path, ' and lost');
  expect(await world.cutPower('p', join(folder, 'redis'))).toBe(9);
  expect([await readFile(path, 'utf8'), (await stat(path)).size]).toEqual(['kept', 4]);
});
