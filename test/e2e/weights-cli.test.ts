import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli, type CliResult } from './support/run-cli.js';

const NAME = 'mask-rcnn-resnet101-coco';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cairn-weights-cli-'));
});
beforeEach(async () => {
  for (const name of ['weights', 'mirror']) await rm(join(home, name), { recursive: true, force: true });
  await mkdir(join(home, 'mirror'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Runs `cairn weights` with a folder as its mirror, so that no test leaves this machine. */
function weights(...args: string[]): Promise<CliResult> {
  const env = { PATH: process.env['PATH'], CAIRN_WEIGHTS_DIR: join(home, 'weights'), CAIRN_WEIGHTS_MIRROR: 'mirror' };
  return runCli(['weights', ...args], { cwd: home, env });
}

const pulled = () => readdir(join(home, 'weights')).catch(() => []);

test('list --json tells all of every entry, and which are there', async () => {
  await mkdir(join(home, 'weights'));
  await writeFile(join(home, `weights/${NAME}.h5`), '');
  const { status, stdout } = await weights('list', '--json');
  expect(status).toBe(0);
  const entries = JSON.parse(stdout) as { name: string; present: boolean }[];
  expect(entries.find(({ name }) => name === NAME)).toEqual({
    name: NAME,
    model: 'mask-rcnn-resnet101',
    url: expect.stringMatching(/^https:.*\/mask_rcnn_coco\.h5$/),
    bytes: 257_557_808,
    digest: 'md5:e98aaff6f99e307b5e2a8a3ff741a518',
    licence: 'MIT',
    source: expect.stringMatching(/^https:/),
    preprocessing: 'RGB, mean 123.7 116.8 103.9',
    includesTop: false,
    present: true,
  });
  expect(entries.filter(({ present }) => present)).toHaveLength(1);
});

test('list prints a table', async () => {
  const { stdout } = await weights('list');
  expect(stdout).toMatch(/^name +model +size +digest +licence +source +preprocessing +present$/m);
  expect(stdout).toMatch(/^keras-resnet50-imagenet +keras-resnet50 +103\.0 MB +md5:2cb9.* no$/m);
});

test('pull keeps nothing of a wrong file', async () => {
  for (const file of [NAME, 'mask_rcnn_coco']) await writeFile(join(home, `mirror/${file}.h5`), 'not weights');
  const { status, stdout, stderr } = await weights('pull', NAME);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toContain('[weights-checksum]');
  expect(await pulled()).toEqual([]);
});

test('pull asks the mirror only, for both names', async () => {
  const { status, stderr } = await weights('pull', NAME);
  expect(status).toBe(1);
  expect(stderr).toMatch(/mirror\/mask-rcnn-resnet101-coco\.h5.*mirror\/mask_rcnn_coco\.h5.*\[weights-unavailable\]/);
  expect(await pulled()).toEqual([]);
});

test('pull does not replace another file unless it is forced', async () => {
  await mkdir(join(home, 'weights'));
  await writeFile(join(home, `weights/${NAME}.h5`), 'fine-tuned');
  expect(await weights('pull', NAME)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('[weights-conflict]'),
  });
  const forced = await weights('pull', NAME, '--force');
  expect(forced).toMatchObject({ status: 1, stderr: expect.stringContaining('[weights-unavailable]') });
  expect(await pulled()).toEqual([`${NAME}.h5`]);
});

test('pull of an unknown name lists the names', async () => {
  const { status, stderr } = await weights('pull', 'resnet50');
  expect(status).toBe(1);
  expect(stderr).toMatch(/keras-resnet50-imagenet, .*\[weights-unknown\]/);
});

test('a wrong call is told apart from a failed one', async () => {
  for (const args of [['pull'], ['pull', NAME, '--loudly'], ['list', 'x'], ['inspect'], ['push']]) {
    expect((await weights(...args)).status).toBe(2);
  }
  expect((await weights('pull', '--help')).status).toBe(0);
});
