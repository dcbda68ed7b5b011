import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { fixture, parseSafetensors } from '../integration/support/client.js';
import { startService, until, type Service } from '../integration/support/service.js';
import { useHttpServers } from '../support/http-server.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli/cairn.js', import.meta.url));
const SMALL = ['--model', 'mask-rcnn-resnet18', '--size', '64', '--levels', 'C4'];

interface Line {
  readonly line: number;
  readonly name?: string;
  readonly state: string;
  readonly path?: string;
  readonly features?: { readonly id: string };
  readonly error?: { readonly code: string };
  readonly summary?: Readonly<Record<string, unknown>>;
}

const { serve } = useHttpServers();
let redis: PrivateRedis;
let service: Service;
let home: string;
let images: string;
let out: string;
let data: string;
const started: Service[] = [];

beforeAll(async () => {
  redis = await startPrivateRedis();
  data = await mkdtemp(join(tmpdir(), 'cairn-batch-data-'));
  service = await startService('all', serverEnv('all', { CAIRN_MAX_UPLOAD_BYTES: '2000000' }));
});
afterAll(async () => {
  await service.end();
  await redis.stop();
  await rm(data, { recursive: true, force: true });
});
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cairn-batch-cli-'));
  [images, out] = [join(home, 'images'), join(home, 'out')];
  await mkdir(images);
});
afterEach(async () => {
  for (const each of started.splice(0)) await each.end();
  await rm(home, { recursive: true, force: true });
});

function serverEnv(prefix: string, more: Record<string, string> = {}): Record<string, string> {
  const CAIRN_DATA_DIR = join(data, prefix);
  return { REDIS_URL: redis.url, CAIRN_QUEUE_PREFIX: prefix, CAIRN_DATA_DIR, CAIRN_THREADS: '1', ...more };
}

async function start(...args: Parameters<typeof startService>): Promise<Service> {
  const made = await startService(...args);
  started.push(made);
  return made;
}

interface Run {
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
  readonly ended: Promise<number | null>;
}

/** Starts `cairn batch` as a user does, in a folder of its own. */
function begin(args: string[], { url = service.url, stdin = '' } = {}): Run {
  const env = { PATH: process.env['PATH'], CAIRN_URL: url };
  const child = spawn(process.execPath, [CLI, 'batch', ...args], { cwd: home, env });
  const ended = once(child, 'close').then(([status]) => status as number | null);
  const run: Run = { child, stdout: '', stderr: '', ended };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (run.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (run.stderr += text));
  child.stdin.end(stdin);
  return run;
}

async function batch(args: string[], options?: Parameters<typeof begin>[1]) {
  const run = begin(args, options);
  const status = await run.ended;
  return { status, stdout: run.stdout, stderr: run.stderr };
}

/** The lines of `--json`, and the summary after them. */
function parse(stdout: string): { lines: Line[]; summary: Record<string, unknown> } {
  const all = stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as Line);
  const lines = all.slice(0, -1).sort((a, b) => a.line - b.line);
  return { lines, summary: all.at(-1)!.summary as Record<string, unknown> };
}

/** Small images that are all different: what follows the end of a PNG is not looked at. */
async function addImages(count: number): Promise<void> {
  const png = await fixture('tiny.png');
  for (let index = 0; index < count; index++) {
    await writeFile(join(images, `image-${index}.png`), Buffer.concat([png, Buffer.from(`${home} ${index}`)]));
  }
}

test('a folder is submitted, followed and written; the same command again computes and fetches nothing', async () => {
  await addImages(3);
  await mkdir(join(images, 'deep/er'), { recursive: true });
  await writeFile(join(images, 'deep/er/image-0.jpg'), await fixture('astronaut.jpg'));
  const args = ['submit', 'images', ...SMALL, '--recursive', '--follow', '--out', 'out', '--json'];
  const first = await batch(args);
  expect(first).toMatchObject({ status: 0 });
  const { lines, summary } = parse(first.stdout);
  expect(lines.map(({ line, name, state, path }) => [line, name, state, path])).toEqual([
    [1, 'deep/er/image-0', 'completed', 'out/deep/er/image-0.safetensors'],
    [2, 'image-0', 'completed', 'out/image-0.safetensors'],
    [3, 'image-1', 'completed', 'out/image-1.safetensors'],
    [4, 'image-2', 'completed', 'out/image-2.safetensors'],
  ]);
  expect(summary).toMatchObject({ state: 'completed', total: 4, completed: 4, failed: 0, cancelled: 0, rejected: 0 });
  for (const { path, features } of lines) {
    const { header } = parseSafetensors(await readFile(join(home, path!)));
    expect(header['C4']!.shape).toEqual([4, 4, 256]);
    expect((header['__metadata__'] as unknown as { id: string }).id).toBe(features!.id);
  }

  // One file is missing, one is another feature set; two are left as they are.
  const stale = join(out, 'image-2.safetensors');
  await rm(join(out, 'image-1.safetensors'));
  await copyFile(join(out, 'image-0.safetensors'), stale);
  const kept = [join(out, 'image-0.safetensors'), join(out, 'deep/er/image-0.safetensors')];
  for (const path of kept) await utimes(path, 1000, 1000);
  const second = await batch(args);
  expect(second).toMatchObject({ status: 0, stderr: expect.stringContaining('already exists, 4 images') });
  expect(parse(second.stdout).lines).toEqual(lines);
  expect(parse(second.stdout).summary['id']).toBe(summary['id']);
  for (const path of kept) expect((await stat(path)).mtimeMs).toBe(1_000_000);
  for (const { path, features } of lines) {
    expect((await readFile(join(home, path!))).includes(features!.id)).toBe(true);
  }
  expect((await readdir(out)).sort()).toEqual(['deep', ...[0, 1, 2].map((n) => `image-${n}.safetensors`)]);

  const other = await batch(['submit', 'images', ...SMALL, '--recursive', '--follow', '--new', '--json']);
  expect(other.status).toBe(0);
  expect(parse(other.stdout).summary['id']).not.toBe(summary['id']);
});

test('levels of uint8 are fetched as integers, with what they stand for, and only once', async () => {
  await addImages(1);
  const args = ['submit', 'images', ...SMALL, '--dtype', 'uint8', '--follow', '--out', 'out', '--json'];
  expect(await batch(args)).toMatchObject({ status: 0 });
  const path = join(out, 'image-0.safetensors');
  const { header, data } = parseSafetensors(await readFile(path));
  expect([header['C4']!.dtype, data.length]).toEqual(['U8', 4 * 4 * 256]);
  const { quantization } = header['__metadata__'] as unknown as { quantization: string };
  expect(JSON.parse(quantization)).toEqual({ C4: { scale: expect.any(Number), zeroPoint: 0 } });
  await utimes(path, 1000, 1000);
  expect(await batch(args)).toMatchObject({ status: 0 });
  expect((await stat(path)).mtimeMs).toBe(1_000_000);
});

test('a manifest of paths, URLs and bad lines: the good ones are computed, the others named, the status is 1', async () => {
  await addImages(1);
  await writeFile(join(images, 'large.png'), Buffer.alloc(3_000_000));
  await writeFile(join(images, 'broken.jpg'), await fixture('truncated.jpg'));
  const photo = await fixture('astronaut.jpg');
  const site = await serve((request, response) => {
    response.statusCode = request.url === '/photo.jpg' ? 200 : 404;
    response.end(request.url === '/photo.jpg' ? photo : '');
  });
  const manifest = [
    '{"source":{"path":"images/image-0.png"},"name":"one","levels":["C3"]}',
    '{"source":',
    `${site}/photo.jpg`,
    '',
    'images/missing.png',
    `{"source":{"url":"${site}/nothing.jpg"},"name":"nothing"}`,
    'images/broken.jpg',
    `{"source":{"sha256":"${'0'.repeat(64)}"}}`,
    '{"source":{"path":"images/image-0.png"},"name":"odd","levels":["C9"]}',
    'images/large.png',
    'images/image-0.png',
  ];
  await writeFile(join(home, 'list.ndjson'), manifest.join('\n'));
  const { status, stdout, stderr } = await batch([
    'submit',
    'list.ndjson',
    ...SMALL,
    '--follow',
    '--out',
    'out',
    '--json',
  ]);
  expect(status).toBe(1);
  const { lines, summary } = parse(stdout);
  const told = lines.map(({ line, name, state, error }) => [line, name, error?.code ?? state]);
  expect({ told, stderr }).toEqual({
    told: [
      [1, 'one', 'completed'],
      [2, undefined, 'request-malformed'],
      [3, 'photo', 'completed'],
      [5, 'missing', 'image-missing'],
      [6, 'nothing', 'url-rejected'],
      [7, 'broken', 'image-corrupt'],
      [8, '0'.repeat(64), expect.stringMatching(/^image-/)],
      [9, 'odd', 'level-unknown'],
      [10, 'large', 'upload-too-large'],
      [11, 'image-0', 'completed'],
    ],
    stderr: expect.stringMatching(/submitted, 7 images; 3 more failed before submission$/m),
  });
  expect(summary).toMatchObject({ total: 10, completed: 3, failed: 7, cancelled: 0, rejected: 2 });
  expect((await readdir(out)).sort()).toEqual(['image-0.safetensors', 'one.safetensors', 'photo.safetensors']);
  const { header } = parseSafetensors(await readFile(join(out, 'one.safetensors')));
  expect(header['C3']!.shape).toEqual([8, 8, 128]);

  const plain = await batch(['submit', 'list.ndjson', ...SMALL, '--follow']);
  expect(plain.status).toBe(1);
  expect(plain.stdout).toMatch(
    /^[0-9a-f-]+: 3 of 10 completed, 7 failed \(2 rejected\), 0 cancelled in .*(, (?!0\.00)[\d.]+ sets\/s)?\n$/,
  );
  expect(plain.stderr).toMatch(/line 6 \(nothing\): .* \[url-rejected\]/);
  expect(plain.stderr).toMatch(/line 5 \(missing\): .*missing\.png cannot be read\. \[image-missing\]/);
});

test('after failures the same command makes a new attempt', async () => {
  const photo = await fixture('astronaut.jpg');
  let there = false;
  const site = await serve((_, response) => {
    response.statusCode = there ? 200 : 404;
    response.end(there ? photo : '');
  });
  const args = ['submit', '-', ...SMALL, '--follow', '--json'];
  const stdin = `${site}/photo.jpg\n`;
  const first = await batch(args, { stdin });
  expect([first.status, parse(first.stdout).summary['failed']]).toEqual([1, 1]);
  there = true;
  const second = await batch(args, { stdin });
  expect([second.status, parse(second.stdout).summary['completed']]).toEqual([0, 1]);
  expect(parse(second.stdout).summary['id']).not.toBe(parse(first.stdout).summary['id']);
  const third = await batch(args, { stdin });
  expect(parse(third.stdout).summary['id']).toBe(parse(second.stdout).summary['id']);
});

test('Ctrl-C leaves the batch running, and the same command goes on with it', async () => {
  await addImages(12);
  const { url } = await start('api', serverEnv('interrupted'));
  const args = ['submit', 'images', ...SMALL, '--follow', '--out', 'out'];
  const run = begin(args, { url });
  await until(() => run.stderr.includes('submitted, 12 images'));
  run.child.kill('SIGINT');
  expect(await run.ended).toBe(130);
  const id = /the batch continues; follow it with the same command, or: cairn batch follow (\S+)/.exec(run.stderr)![1]!;
  expect(run.stdout).toBe('');

  await start('worker', serverEnv('interrupted'));
  const again = await batch(args, { url });
  expect(again).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(`^${id}: 12 of 12 completed, 0 failed, 0 cancelled in .*\nfeature sets: out\n$`),
  });
  expect(again.stderr).toContain(`batch ${id} already exists, 12 images`);
  expect(await readdir(out)).toHaveLength(12);
});

test('a server that restarts is waited for, and said to be away once', async () => {
  await addImages(6);
  const env = serverEnv('restarted');
  const api = await start('api', env);
  const run = begin(['submit', 'images', ...SMALL, '--follow', '--out', 'out', '--json'], { url: api.url });
  await until(() => run.stderr.includes('submitted, 6 images'));
  await api.end('SIGKILL');
  await until(() => run.stderr.includes('Trying again.'));
  await start('api', { ...env, PORT: new URL(api.url).port });
  await start('worker', env);
  expect(await run.ended).toBe(0);
  expect(run.stderr.match(/Trying again/g)).toHaveLength(1);
  expect(parse(run.stdout).lines.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await readdir(out)).toHaveLength(6);
});

test('status, results, cancel and follow', async () => {
  await addImages(2);
  const { url } = await start('api', serverEnv('thin'));
  const submitted = await batch(['submit', 'images', ...SMALL, '--json'], { url });
  expect(submitted.status).toBe(0);
  const id = parse(submitted.stdout).summary['id'] as string;
  // Without --follow, stdout is the id alone.
  expect(await batch(['submit', 'images', ...SMALL], { url })).toMatchObject({
    status: 0,
    stdout: `${id}\n`,
    stderr: expect.stringContaining(`batch ${id} already exists, 2 images`),
  });
  const status = await batch(['status', id], { url });
  expect(status).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^running: 0 of 2 completed\n2 queued, 0 active/),
  });
  expect(JSON.parse((await batch(['status', id, '--json'], { url })).stdout)).toMatchObject({
    id,
    total: 2,
    counts: { queued: 2, active: 0, completed: 0, failed: 0, cancelled: 0 },
    rejected: { count: 0, first: [] },
    links: { self: `/v1/batches/${id}` },
  });
  expect(await batch(['results', id], { url })).toMatchObject({ status: 0, stdout: '' });
  expect(await batch(['cancel', id], { url })).toMatchObject({ status: 0 });
  // A worker cancels lines that were never enqueued.
  await start('worker', serverEnv('thin'));
  const follow = await batch(['follow', id, '--json'], { url });
  expect(follow.status).toBe(1);
  expect(parse(follow.stdout).summary).toMatchObject({ id, state: 'cancelled', cancelled: 2 });
  const cancelled = await batch(['results', id, '--state', 'cancelled'], { url });
  expect(cancelled.stdout.trim().split('\n')).toHaveLength(2);
  expect(await batch(['results', id, '--state', 'failed'], { url })).toMatchObject({ status: 0, stdout: '' });
  for (const command of ['status', 'follow', 'results', 'cancel']) {
    const { status: unknown, stderr } = await batch([command, '0'.repeat(32)], { url });
    expect([unknown, stderr]).toEqual([1, expect.stringContaining('[batch-not-found]')]);
  }
});

test('what is wrong at the beginning ends it before anything is sent', async () => {
  await addImages(1);
  await mkdir(join(images, 'deep'));
  await copyFile(join(images, 'image-0.png'), join(images, 'image-0.jpg'));
  let asked = 0;
  const url = await serve((_, response) => {
    asked++;
    response.end();
  });
  const conflict = await batch(['submit', 'images', '--follow', '--out', 'out'], { url });
  expect(conflict).toMatchObject({ status: 1, stderr: expect.stringContaining('[output-conflict]') });
  for (const [code, ...args] of [
    ['model-unknown', 'images', '--model', 'resnet'],
    ['image-missing', 'images/deep'],
    ['image-missing', 'nothing.ndjson'],
    ['option-invalid', 'images/image-0.png'],
    ['option-invalid', 'images', '--server', 'somewhere'],
  ] as const) {
    expect(await batch(['submit', ...args], { url })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(code),
    });
  }
  expect(asked).toBe(0);
  for (const args of [
    ['submit'],
    ['submit', 'images', '--out', 'x'],
    ['submit', 'images', '--concurrency', '0'],
    ['x'],
  ]) {
    expect((await batch(args, { url })).status).toBe(2);
  }
  const nobody = await batch(['submit', 'images'], { url: 'http://127.0.0.1:1' });
  expect(nobody).toMatchObject({ status: 1, stderr: expect.stringMatching(/does not answer.*\[server-unreachable\]/) });
});
