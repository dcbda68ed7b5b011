import { expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { FairTurns } from '../../../../src/api/http/fair-turns.js';

const FOR_EVER = 1 << 30;
const OPTIONS = { beside: 2, alone: 8, turnMs: FOR_EVER, thereMs: FOR_EVER, maxWaiting: 100 };
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Requests of a caller, in order; each is begun once it has its end. */
function entering(turns: FairTurns, name: string, count: number) {
  const requests = Array.from({ length: count }, () => ({ end: undefined as (() => void) | undefined }));
  for (const request of requests) void turns.enter(name).then((end) => (request.end = end));
  const ended = new Set<unknown>();
  return {
    begun: async () => {
      await settled();
      return requests.filter(({ end }) => end !== undefined).length;
    },
    /** Ends the first that is begun. */
    end: () => {
      const next = requests.find((request) => request.end && !ended.has(request))!;
      ended.add(next);
      next.end!();
      next.end!();
    },
  };
}

test('a caller that is alone has many turns, and few beside others', async () => {
  const turns = new FairTurns(OPTIONS);
  const flood = entering(turns, 'flood', 20);
  expect(await flood.begun()).toBe(8);
  const other = entering(turns, 'other', 1);
  expect(await other.begun()).toBe(1);
  other.end();
  for (let i = 0; i < 6; i++) flood.end();
  expect(await flood.begun()).toBe(8);
  flood.end();
  expect(await flood.begun()).toBe(9);
});

test('a caller with much to do begins nothing while one with little is at it', async () => {
  const turns = new FairTurns(OPTIONS);
  const other = entering(turns, 'other', 1);
  expect(await other.begun()).toBe(1);
  const flood = entering(turns, 'flood', 20);
  other.end();
  for (let i = 0; i < 5; i++) {
    expect(await flood.begun()).toBe(2 + i);
    flood.end();
  }
  const again = entering(turns, 'other', 1);
  const before = await flood.begun();
  flood.end();
  expect([await again.begun(), await flood.begun()]).toEqual([1, before]);
  again.end();
  expect(await flood.begun()).toBe(before + 1);
});

test('a turn is over after its time, however long the request lasts', async () => {
  const turns = new FairTurns({ ...OPTIONS, turnMs: 20, alone: 1 });
  const slow = entering(turns, 'slow', 3);
  while ((await slow.begun()) < 3) await delay(5);
});

test('a caller that has gone is forgotten', async () => {
  const turns = new FairTurns({ ...OPTIONS, thereMs: 10 });
  const [busy, gone] = [entering(turns, 'busy', 1), entering(turns, 'gone', 1)];
  expect([await busy.begun(), await gone.begun()]).toEqual([1, 1]);
  gone.end();
  await delay(30);
  const flood = entering(turns, 'flood', 20);
  // The one whose request has not ended is still there.
  expect(await flood.begun()).toBe(2);
  busy.end();
  await delay(30);
  flood.end();
  expect(await flood.begun()).toBeGreaterThan(3);
});

test('not more than so many requests wait', async () => {
  const turns = new FairTurns({ ...OPTIONS, alone: 1, maxWaiting: 2 });
  entering(turns, 'flood', 3);
  await settled();
  await expect(turns.enter('flood')).rejects.toMatchObject({ code: 'busy' });
  await expect(turns.enter('other')).resolves.toBeInstanceOf(Function);
});
