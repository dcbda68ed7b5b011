import { beforeEach, expect, test } from '@jest/globals';
import { BEFORE_ALL, BatchLedger, type LineOutcome } from '../../../src/batches/ledger.js';
import type { NewBatch } from '../../../src/batches/batch.js';
import { completed, payloadOf, SHA256 } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';

const store = useRedis();
const id = 'a'.repeat(32);
let ledger: BatchLedger;

beforeEach(() => {
  ledger = new BatchLedger(store.redis, store.keys);
});

const newBatch = (total: number): NewBatch => ({
  ...{ id, manifest: 'batches/m', total },
  rejected: { count: 0, first: [] },
  createdAt: '2026-01-02T03:04:05.678Z',
});
const done = (line: number): LineOutcome => ({ line, name: `n${line}`, state: 'completed', featuresId: SHA256 });
const failed = (line: number): LineOutcome => ({
  ...{ line, name: `n${line}`, state: 'failed' },
  error: { code: 'image-corrupt', message: 'Broken.' },
});
const counts = async () => {
  const { completed, failed, cancelled, state, finishedAt } = (await ledger.read(id))!;
  return { completed, failed, cancelled, state, finished: finishedAt !== undefined };
};

test('a batch is created once, and read as it was submitted', async () => {
  expect(await ledger.read(id)).toBeUndefined();
  expect(await ledger.create(newBatch(2))).toBe(true);
  expect(await ledger.create({ ...newBatch(9), manifest: 'other' })).toBe(false);
  expect(await ledger.read(id)).toEqual({
    ...newBatch(2),
    ...{ state: 'running', completed: 0, failed: 0, cancelled: 0 },
    ...{ cursor: { offset: 0, lines: 0 }, settled: { offset: 0, lines: 0 } },
  });
});

test('an outcome counts once, however often it is recorded, and the last one finishes the batch', async () => {
  await ledger.create(newBatch(3));
  expect(await ledger.recordLines(id, [done(1), failed(2), done(1)])).toBe(2);
  expect(await ledger.recordLines(id, [failed(1), done(2)])).toBe(0);
  expect(await counts()).toEqual({ completed: 1, failed: 1, cancelled: 0, state: 'running', finished: false });
  expect(await ledger.recorded(id, [1, 2, 3])).toEqual([true, true, false]);
  expect(await ledger.recordLines(id, [done(3)])).toBe(1);
  expect(await counts()).toEqual({ completed: 2, failed: 1, cancelled: 0, state: 'completed', finished: true });
  const results = await ledger.results(id, BEFORE_ALL, 10);
  expect(results).toEqual([done(1), failed(2), done(3)].map((line) => ({ ...line, cursor: expect.any(String) })));
  expect(await ledger.results(id, results[0]!.cursor, 1)).toEqual([results[1]]);
});

test('a finished batch and all that belongs to it expires', async () => {
  await ledger.create(newBatch(1));
  const { hash, recorded, results } = store.keys.batch(id);
  expect(await store.redis.ttl(hash)).toBe(-1);
  await ledger.recordLines(id, [done(1)]);
  for (const key of [hash, recorded, results]) expect(await store.redis.ttl(key)).toBeGreaterThan(6 * 24 * 3600);
});

test('outcomes of an unknown batch leave nothing behind', async () => {
  expect(await ledger.recordLines(id, [done(1)])).toBe(0);
  expect(await store.redis.exists(...Object.values(store.keys.batch(id)))).toBe(0);
});

test('the outcome of a job counts for the batch it belongs to, that of any other job for none', async () => {
  await ledger.create(newBatch(2));
  const batch = (line: number) => payloadOf({ batch: { id, line, name: 'a' } });
  await ledger.record(completed(`${id}.1`, batch(1)));
  await ledger.record(completed('elsewhere'));
  const error = { code: 'cancelled', message: 'The job was cancelled.' } as const;
  await ledger.record({ jobId: `${id}.2`, payload: batch(2), state: 'cancelled', error });
  expect(await counts()).toMatchObject({ completed: 1, failed: 0, cancelled: 1, finished: true });
  expect(await ledger.results(id, BEFORE_ALL, 9)).toMatchObject([
    { line: 1, featuresId: SHA256 },
    { line: 2, error },
  ]);
});

test('a cancelled batch stays cancelled when its last line ends; a finished one cannot be cancelled', async () => {
  expect(await ledger.cancel(id)).toBeUndefined();
  await ledger.create(newBatch(1));
  expect([await ledger.cancel(id), await ledger.cancel(id)]).toEqual(['running', 'cancelled']);
  await ledger.recordLines(id, [done(1)]);
  expect(await counts()).toMatchObject({ state: 'cancelled', completed: 1, finished: true });
  expect(await ledger.cancel(id)).toBe('cancelled');
});

test.each([
  [false, { state: 'completed', failed: 4, cancelled: 0 }],
  [true, { state: 'cancelled', failed: 0, cancelled: 4 }],
])('a batch that fails as a whole (cancelled: %s) counts each open line once', async (cancel, expected) => {
  await ledger.create(newBatch(5));
  await ledger.recordLines(id, [done(2)]);
  if (cancel) await ledger.cancel(id);
  await ledger.fail(id);
  await ledger.fail(id);
  // What still runs comes too late.
  expect(await ledger.recordLines(id, [done(3)])).toBe(0);
  expect(await counts()).toEqual({ ...expected, completed: 1, finished: true });
});

test('the places of the feeder are kept, and the first tells when the batch has started', async () => {
  await ledger.create(newBatch(5));
  expect((await ledger.read(id))?.settled).toEqual({ offset: 0, lines: 0 });
  await ledger.advance(id, { offset: 100, lines: 2 });
  const { startedAt } = (await ledger.read(id))!;
  await ledger.advance(id, { offset: 200, lines: 4 });
  await ledger.settle(id, { offset: 100, lines: 2 });
  expect(await ledger.read(id)).toMatchObject({ startedAt, cursor: { offset: 200, lines: 4 } });
  expect((await ledger.read(id))?.settled).toEqual({ offset: 100, lines: 2 });
});

test('rates are over a second at least', async () => {
  await ledger.create(newBatch(9));
  expect(await ledger.rates(id)).toEqual({ outcomes: 0, completed: 0 });
  await ledger.recordLines(id, [done(1), done(2), failed(3)]);
  const { outcomes, completed } = await ledger.rates(id);
  expect(outcomes).toBeGreaterThan(0);
  expect(outcomes).toBeLessThanOrEqual(3);
  expect(completed).toBeCloseTo((outcomes * 2) / 3);
});

test('a text that is no id reaches no key', async () => {
  await ledger.create(newBatch(1));
  await ledger.recordLines(id, [done(1)]);
  expect([await ledger.read(`${id}:results`), await ledger.cancel(`${id}:results`)]).toEqual([undefined, undefined]);
});
