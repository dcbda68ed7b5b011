import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Worker } from 'bullmq';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchFeeder, type FeederParts } from '../../../src/batches/feeder.js';
import { BatchLedger } from '../../../src/batches/ledger.js';
import type { NewBatch } from '../../../src/batches/batch.js';
import type { BatchLine } from '../../../src/batches/manifest.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { extractQueue, type ExtractQueue } from '../../../src/jobs/extract-queue.js';
import { until } from '../../integration/support/service.js';
import { batchJobId, EXTRACT_QUEUE } from '../../../src/jobs/payload.js';
import { completed, payloadOf } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';
import { useTempDirs } from '../../support/temp-dir.js';

const current = useRedis();
const tempDir = useTempDirs();
const id = 'b'.repeat(32);

const log = { log: () => undefined, warn: (line: string) => void warnings.push(line) };
let warnings: string[];
let folder: string;
let ledger: BatchLedger;
let queue: ExtractQueue;

beforeEach(async () => {
  warnings = [];
  folder = await tempDir();
  ledger = new BatchLedger(current.redis, current.keys);
  queue = extractQueue(current.redis, current.keys.prefix);
});
afterEach(() => queue.close());

const good = (line: number): BatchLine => ({
  payload: { ...payloadOf(), batch: { id, line, name: `n${line}` } },
  priority: 'normal',
});
const refused = (line: number): BatchLine => ({
  line,
  name: `n${line}`,
  error: { code: 'image-missing', message: 'No.' },
});
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Puts a manifest into the store. */
async function submitted(lines: readonly BatchLine[]): Promise<NewBatch> {
  await mkdir(join(folder, 'batches'), { recursive: true });
  await writeFile(join(folder, 'batches/m'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const batch = { id, manifest: 'batches/m', total: lines.length, rejected: { count: 0, first: [] } };
  return { ...batch, createdAt: new Date().toISOString() };
}

const feederWith = (options: Partial<FeederParts> = {}) =>
  new BatchFeeder({ ledger, store: new FileStore(folder), queue, window: 500, queueLimit: 1000, log, ...options });

/** Feeds until `done` holds, as a worker that dies then. */
async function feedUntil(batch: NewBatch, done: () => Promise<boolean>, options?: Partial<FeederParts>) {
  const stop = new AbortController();
  const feeding = feederWith(options).feed(batch, stop.signal, 60_000);
  await until(done);
  stop.abort();
  return feeding;
}

const waiting = () => queue.getPrioritizedCount();
/** The lines whose jobs wait. */
const queued = async () =>
  (await queue.getPrioritized()).map((job) => job.data.batch!.line).sort((one, other) => one - other);

/** As the worker ends jobs: the outcome first, then the job goes. */
async function finish(lines: readonly number[]): Promise<void> {
  for (const line of lines) {
    await ledger.record(completed(batchJobId(id, line), payloadOf({ batch: { id, line, name: `n${line}` } })));
    await queue.remove(batchJobId(id, line));
  }
}

test('a batch is fed a window at a time, and is finished when every line has its outcome', async () => {
  const batch = await submitted(numbers(1, 5).map(good));
  const feeding = feederWith({ window: 2 }).feed(batch, new AbortController().signal, 60_000);
  for (const lines of [[1, 2], [3, 4], [5]]) {
    await until(async () => (await waiting()) === lines.length);
    expect(await queued()).toEqual(lines);
    await finish(lines);
  }
  expect(await feeding).toBe(true);
  expect(await ledger.read(id)).toMatchObject({ state: 'completed', completed: 5, failed: 0 });
});

test('a refused line fails without a job and takes no place of the window', async () => {
  const batch = await submitted([refused(1), good(2), refused(3), good(4)]);
  await feedUntil(batch, async () => (await waiting()) === 2, { window: 2 });
  expect(await queued()).toEqual([2, 4]);
  expect(await ledger.read(id)).toMatchObject({ failed: 2, completed: 0 });
});

test('feeding stops where the queue is full', async () => {
  await queue.add('extract', payloadOf(), { jobId: 'single', priority: 1 });
  const batch = await submitted(numbers(1, 9).map(good));
  await feedUntil(batch, async () => (await waiting()) === 4, { queueLimit: 4 });
  expect((await ledger.read(id))!.cursor.lines).toBe(3);
});

test('after its turn a batch is handed back unfinished, and another turn continues it without feeding a line twice', async () => {
  const batch = await submitted(numbers(1, 3).map(good));
  expect(await feederWith({ window: 2 }).feed(batch, new AbortController().signal, 400)).toBe(false);
  expect(await queued()).toEqual([1, 2]);
  await finish([1]);
  expect(await feederWith({ window: 2 }).feed(batch, new AbortController().signal, 400)).toBe(false);
  expect(await queued()).toEqual([2, 3]);
});

test('a line whose job is lost is fed again; one that is queued or has its outcome is not', async () => {
  const batch = await submitted(numbers(1, 4).map(good));
  await feedUntil(batch, async () => (await waiting()) === 4);
  await finish([1]);
  await queue.remove(batchJobId(id, 3));
  await feedUntil(batch, async () => (await waiting()) === 3);
  expect(await queued()).toEqual([2, 3, 4]);
});

test('lines before the settled place are not looked at again', async () => {
  // Two chunks of 100 and some.
  const batch = await submitted(numbers(1, 250).map(good));
  await feedUntil(batch, async () => (await waiting()) === 250);
  await finish(numbers(1, 220));
  await feedUntil(batch, async () => (await ledger.read(id))?.settled.lines === 200);
  // The third chunk has open lines, so the place stays before it.
  await finish(numbers(230, 250));
  await feedUntil(batch, async () => (await waiting()) === 9);
  expect((await ledger.read(id))?.settled).toMatchObject({ lines: 200 });
});

test('cancelling ends lines that wait and lines that were never fed, and leaves the outcomes there are', async () => {
  const batch = await submitted([...numbers(1, 4).map(good), refused(5), ...numbers(6, 130).map(good)]);
  await feedUntil(batch, async () => (await waiting()) === 3, { window: 3 });
  await finish([2]);
  await ledger.cancel(id);
  expect(await feederWith({ window: 3 }).feed(batch, new AbortController().signal, 60_000)).toBe(true);
  expect(await waiting()).toBe(0);
  expect(await ledger.read(id)).toMatchObject({ state: 'cancelled', completed: 1, failed: 1, cancelled: 128 });
});

test('cancelling waits for a job that runs, and counts how it ended', async () => {
  const batch = await submitted(numbers(1, 2).map(good));
  await feedUntil(batch, async () => (await waiting()) === 2);
  const worker = new Worker(EXTRACT_QUEUE, null, { connection: current.redis, prefix: current.keys.prefix });
  expect((await worker.getNextJob('token')).id).toBe(batchJobId(id, 1));
  await ledger.cancel(id);
  const feeding = feederWith().feed(batch, new AbortController().signal, 60_000);
  await until(async () => (await ledger.read(id))!.cancelled === 1);
  expect((await ledger.read(id))!.finishedAt).toBeUndefined();
  await ledger.record(completed(batchJobId(id, 1), payloadOf({ batch: { id, line: 1, name: 'n1' } })));
  expect(await feeding).toBe(true);
  expect(await ledger.read(id)).toMatchObject({ completed: 1, cancelled: 1 });
  await worker.close();
});

test('a batch whose manifest is gone fails as a whole', async () => {
  const batch = { ...(await submitted([good(1), good(2)])), manifest: 'batches/absent' };
  expect(await feederWith().feed(batch, new AbortController().signal, 60_000)).toBe(true);
  expect(await ledger.read(id)).toMatchObject({ state: 'completed', failed: 2 });
});

test.each([
  ['a byte of a line', 'x'],
  ['the end of a line', '\n'],
])('a batch whose manifest is damaged (%s) ends: lines without an outcome have failed', async (_, byte) => {
  const batch = await submitted(numbers(1, 3).map(good));
  await feedUntil(batch, async () => (await waiting()) === 2, { window: 2 });
  await finish([1]);
  const path = join(folder, 'batches/m');
  const text = await readFile(path, 'utf8');
  const third = text.lastIndexOf('{"payload"');
  await writeFile(path, text.slice(0, third) + byte + text.slice(third + 1));
  expect(await feederWith().feed(batch, new AbortController().signal, 60_000)).toBe(true);
  expect(await ledger.read(id)).toMatchObject({ state: 'completed', completed: 1, failed: 2 });
  expect(warnings).toEqual([expect.stringContaining('manifest')]);
});
