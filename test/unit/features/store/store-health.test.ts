import { beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileStore } from '../../../../src/features/store/file-store.js';
import { storeError } from '../../../../src/features/store/store-errors.js';
import { StoreHealth, type StoreRole } from '../../../../src/features/store/store-health.js';
import { chunksOf } from '../../../support/chunks.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const tempDir = useTempDirs();
let folder: string;
let lines: string[];

beforeEach(async () => {
  folder = join(await tempDir(), 'data');
  lines = [];
});

function healthOf(store: FileStore, role: StoreRole): StoreHealth {
  const log = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(`WARN ${line}`) };
  return new StoreHealth(store, { role, log, everyMs: 0 });
}

test('a server makes its folder a store, once; a worker waits for that', async () => {
  const worker = healthOf(new FileStore(folder), 'user');
  expect(await worker.problem()).toMatchObject({ code: 'store-unavailable' });
  expect(await worker.problem()).toBeDefined();
  expect(lines).toEqual([expect.stringMatching(/^WARN .*no server has made it a store yet/)]);
  const servers = [1, 2, 3].map(() => healthOf(new FileStore(folder), 'owner'));
  for (const problem of await Promise.all(servers.map((server) => server.problem()))) expect(problem).toBeUndefined();
  expect(new Set(servers.map(({ storeId }) => storeId)).size).toBe(1);
  expect(await worker.problem()).toBeUndefined();
  expect([worker.storeId, lines.at(-1)]).toEqual([servers[0]!.storeId, 'the store can be used again']);
  expect(await readdir(folder)).toEqual(['.cairn-store']);
});

describe('a store that is gone', () => {
  test.each([
    ['its folder is missing', () => Promise.resolve()],
    ['an empty folder is in its place', () => mkdir(folder)],
    ['another store is in its place', () => healthOf(new FileStore(folder), 'owner').problem()],
  ])('%s: nothing counts as absent, and nothing is written', async (_, replace) => {
    const store = new FileStore(folder);
    const health = healthOf(store, 'owner');
    await health.demand();
    await store.put('images/object', chunksOf('x'));
    await rename(folder, `${folder}-away`);
    await replace();
    const before = await readdir(folder).catch(() => undefined);
    const unavailable = { code: 'store-unavailable' };
    await expect(health.demand()).rejects.toMatchObject(unavailable);
    await expect(store.open('images/object')).rejects.toMatchObject(unavailable);
    await expect(store.has('images/object')).rejects.toMatchObject(unavailable);
    await expect(store.renew('images/object')).rejects.toMatchObject(unavailable);
    await expect(store.put('images/other', chunksOf('x'))).rejects.toMatchObject(unavailable);
    expect(await readdir(folder).catch(() => undefined)).toEqual(before);
    await rm(folder, { recursive: true, force: true });
    await rename(`${folder}-away`, folder);
    expect(await health.problem()).toBeUndefined();
    expect(await store.has('images/object')).toBe(true);
  });
});

test('a store with less space than is reserved is full', async () => {
  const health = healthOf(new FileStore(folder, Number.MAX_SAFE_INTEGER), 'owner');
  await expect(health.demand()).rejects.toMatchObject({ code: 'store-full' });
});

test('a marker that cannot be read is not taken for none', async () => {
  await mkdir(folder);
  await writeFile(join(folder, '.cairn-store'), '{');
  await expect(healthOf(new FileStore(folder), 'owner').demand()).rejects.toMatchObject({ code: 'store-unavailable' });
});

test('a store that does not answer is not available', async () => {
  const silent = { identify: () => Promise.resolve('id'), probe: () => new Promise<never>(() => undefined) };
  const health = new StoreHealth(silent, {
    role: 'user',
    log: { log: () => undefined, warn: () => undefined },
    withinMs: 50,
  });
  expect(await health.problem()).toMatchObject({
    code: 'store-unavailable',
    message: expect.stringContaining('answer'),
  });
});

test.each([
  ['ENOSPC', 'store-full'],
  ['EDQUOT', 'store-full'],
  ['EROFS', 'store-unavailable'],
  ['EIO', 'store-unavailable'],
  ['ESTALE', 'store-unavailable'],
  ['EACCES', 'store-unavailable'],
  ['ENAMETOOLONG', 'store-failed'],
])('%s is %s', (code, expected) => {
  const error = storeError(Object.assign(new Error(`${code}: open '/srv/secret'`), { code }));
  expect(error.code).toBe(expected);
  if (expected !== 'store-failed') expect(error.message).not.toContain('/srv');
});
