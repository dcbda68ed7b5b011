import { beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { downloadWeights } from '../../../../../src/backbone/weights/download.js';
import { useHttpServers } from '../../../../support/http-server.js';
import { expectNoOpenFiles } from '../../../../support/open-files.js';
import { PUBLISHED_BYTES, publishedAt, sendPublished } from '../../../../support/published-file.js';
import { useTempDirs } from '../../../../support/temp-dir.js';

const tempDir = useTempDirs();
const { serve } = useHttpServers();
expectNoOpenFiles();

const HALF = PUBLISHED_BYTES.length / 2;
const ID = '00000000-0000-4000-8000-000000000000';
const HOUR_MS = 3600_000;

let folder: string;
let target: string;
beforeEach(async () => {
  folder = join(await tempDir(), 'weights');
  target = join(folder, 'net.h5');
  await mkdir(folder);
});

async function expectWhole() {
  expect(await readdir(folder)).toEqual(['net.h5']);
  expect((await readFile(target)).equals(PUBLISHED_BYTES)).toBe(true);
}

/** Another process that pulls; resolves with its exit status. */
function pullElsewhere(url: string) {
  const module = fileURLToPath(new URL('../../../../../dist/src/backbone/weights/download.js', import.meta.url));
  const call = `downloadWeights(${JSON.stringify(publishedAt(url))}, ${JSON.stringify(target)})`;
  const script = `import { downloadWeights } from ${JSON.stringify(module)}; await ${call};`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
  return { child, exit: once(child, 'exit').then(([code]) => code as number | null) };
}

describe('several downloads of one file at once', () => {
  /** Sends the first half, and the rest once as many are waiting for it. */
  function meeting(count: number) {
    const waiting: ServerResponse[] = [];
    return serve((_, response) => {
      response.writeHead(200, { 'content-length': PUBLISHED_BYTES.length }).write(PUBLISHED_BYTES.subarray(0, HALF));
      waiting.push(response);
      if (waiting.length === count) for (const one of waiting) one.end(PUBLISHED_BYTES.subarray(HALF));
    });
  }

  test('in one process all end well', async () => {
    const entry = publishedAt(`${await meeting(3)}/net.h5`);
    const pulls = [1, 2, 3].map(() => downloadWeights(entry, target));
    expect(await Promise.all(pulls)).toEqual([1, 2, 3].map(() => PUBLISHED_BYTES.length));
    await expectWhole();
  });

  test('in two processes both end well', async () => {
    const url = `${await meeting(2)}/net.h5`;
    const elsewhere = pullElsewhere(url);
    await downloadWeights(publishedAt(url), target);
    expect(await elsewhere.exit).toBe(0);
    await expectWhole();
  });
});

test('what a killed process received is gone on from', async () => {
  const ranges: (string | undefined)[] = [];
  const base = await serve((request, response) => {
    ranges.push(request.headers.range);
    if (ranges.length > 1) sendPublished(request, response);
    else response.writeHead(200, { 'content-length': PUBLISHED_BYTES.length }).write(PUBLISHED_BYTES.subarray(0, HALF));
  });
  const { child, exit } = pullElsewhere(`${base}/net.h5`);
  const received = async () => {
    const [name] = await readdir(folder);
    return name ? (await readFile(join(folder, name))).length : 0;
  };
  while ((await received()) < HALF) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGKILL');
  await exit;
  expect(await readdir(folder)).toEqual([expect.stringContaining(`.${child.pid}.`)]);
  expect(await downloadWeights(publishedAt(`${base}/net.h5`), target)).toBe(HALF);
  expect(ranges).toEqual([undefined, `bytes=${HALF}-`]);
  await expectWhole();
});

describe('unfinished files of others', () => {
  const left = (host: string, pid: number) => join(folder, `net.h5.${host}.${pid}.${ID}.part`);
  const entry = async () => publishedAt(`${await serve(sendPublished)}/net.h5`);

  test('are left alone while their writers may live', async () => {
    const [here, there] = [left(hostname(), process.ppid), left('another-host', 1)];
    await writeFile(here, 'x');
    await writeFile(there, 'x');
    expect(await downloadWeights(await entry(), target)).toBe(PUBLISHED_BYTES.length);
    expect((await readdir(folder)).length).toBe(3);
    expect([await readFile(here, 'utf8'), await readFile(there, 'utf8')]).toEqual(['x', 'x']);
  });

  test('are removed a day after their last byte', async () => {
    const old = new Date(Date.now() - 25 * HOUR_MS);
    for (const path of [left('another-host', 1), left(hostname(), process.ppid)]) {
      await writeFile(path, 'x');
      await utimes(path, old, old);
    }
    await downloadWeights(await entry(), target);
    await expectWhole();
  });

  test('and files of other names are not touched', async () => {
    for (const name of ['net.h5.backup', 'net.h5.mine.part', 'network.h5.part'])
      await writeFile(join(folder, name), '');
    await downloadWeights(await entry(), target);
    expect((await readdir(folder)).sort()).toEqual(['net.h5', 'net.h5.backup', 'net.h5.mine.part', 'network.h5.part']);
  });
});
