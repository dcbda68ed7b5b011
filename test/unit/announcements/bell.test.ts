import { expect, test } from '@jest/globals';
import { Bells } from '../../../src/announcements/bell.js';

const never = new AbortController().signal;

test('a bell tells what rang since the last call, also while nobody waited, each topic once', async () => {
  const bells = new Bells();
  const bell = bells.listen(['a', 'b']);
  bells.ring('a');
  bells.ring('a');
  bells.ring('c');
  expect([...(await bell.next(60_000, never))]).toEqual(['a']);
  const waiting = bell.next(60_000, never);
  bells.ring('b');
  expect([...(await waiting)]).toEqual(['b']);
});

test('a wait ends with its time, or when it is aborted, and a later ring is not lost', async () => {
  const bells = new Bells();
  const bell = bells.listen(['a']);
  expect((await bell.next(1, never)).size).toBe(0);
  const stop = new AbortController();
  const waiting = bell.next(60_000, stop.signal);
  stop.abort();
  expect((await waiting).size).toBe(0);
  bells.ring('a');
  expect((await bell.next(60_000, stop.signal)).size).toBe(1);
  expect((await bell.next(60_000, stop.signal)).size).toBe(0);
});

test('a closed bell hears nothing, the others of its topic do', async () => {
  const bells = new Bells();
  const [one, other] = [bells.listen(['a']), bells.listen(['a'])];
  one.close();
  one.close();
  bells.ring('a');
  expect([(await one.next(1, never)).size, (await other.next(1, never)).size]).toEqual([0, 1]);
});
