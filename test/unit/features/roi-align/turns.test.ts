import { expect, test } from '@jest/globals';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { Turns } from '../../../../src/features/roi-align/turns.js';

test('of many tasks one goes on per turn of the event loop, each as often as the others', async () => {
  const turns = new Turns();
  const slices: string[] = [];
  const perTurn: number[] = [];
  const done = new AbortController();
  const watching = (async () => {
    for (let before = 0; !done.signal.aborted; before = slices.length) {
      await yieldToEvents();
      perTurn.push(slices.length - before);
    }
  })();
  const task = async (name: string) => {
    for (let i = 0; i < 5; i++) {
      await turns.next();
      slices.push(name);
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(task));
  done.abort();
  await watching;
  expect(slices.slice(0, 8)).toEqual(['a', 'b', 'c', 'd', 'a', 'b', 'c', 'd']);
  expect(slices).toHaveLength(20);
  // The watcher and a task may swap places within a turn.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(2);
});
