import { expect, test } from '@jest/globals';
import { ByteBudget } from '../../../../src/api/http/byte-budget.js';

test('requests share a budget: what one holds, others cannot have until it is released', () => {
  const budget = new ByteBudget(100, 'tests');
  const [one, two] = [budget.lease(), budget.lease()];
  one.take(60);
  two.take(40);
  expect(() => two.take(1)).toThrow(expect.objectContaining({ code: 'busy', transient: true }));
  one.release();
  one.release();
  two.take(60);
  expect(() => one.take(1)).toThrow(/100 bytes of memory for tests/);
});
