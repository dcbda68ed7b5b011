import { expect, test } from '@jest/globals';
import { Solitude } from '../../../src/worker/solitude.js';

/** Enters, and notes that; the result ends it. */
function entering(solitude: Solitude, alone: boolean) {
  const state: { leave?: () => void } = {};
  void solitude.enter(alone).then((leave) => (state.leave = leave));
  return state;
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('jobs run beside each other; one that is to be alone waits for them, and later ones for it', async () => {
  const solitude = new Solitude();
  const [one, two] = [entering(solitude, false), entering(solitude, false)];
  const alone = entering(solitude, true);
  const later = entering(solitude, false);
  const inside = async () => {
    await settled();
    return [one, two, alone, later].map(({ leave }) => leave !== undefined);
  };
  expect(await inside()).toEqual([true, true, false, false]);
  one.leave!();
  expect(await inside()).toEqual([true, true, false, false]);
  two.leave!();
  expect(await inside()).toEqual([true, true, true, false]);
  alone.leave!();
  expect(await inside()).toEqual([true, true, true, true]);
});

test('two that are to be alone run one after the other', async () => {
  const solitude = new Solitude();
  const [one, two] = [entering(solitude, true), entering(solitude, true)];
  await settled();
  expect([one.leave !== undefined, two.leave !== undefined]).toEqual([true, false]);
  one.leave!();
  await settled();
  expect(two.leave).toBeDefined();
});
