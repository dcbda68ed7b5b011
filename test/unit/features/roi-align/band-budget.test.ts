import { describe, expect, test } from '@jest/globals';
import { BandBudget } from '../../../../src/features/roi-align/band-budget.js';

describe('the bands that readers of regions share', () => {
  test('are fewer for each the more there are, and more again when some leave', () => {
    const budget = new BandBudget();
    const first = budget.enter();
    expect(first.limit).toBe(64);
    const others = Array.from({ length: 7 }, () => budget.enter());
    expect(first.limit).toBe(16);
    for (const share of others) share.leave();
    others[0]!.leave();
    expect(first.limit).toBe(64);
  });

  test('are never more than 128 for all, and who would get too few is told to come again', () => {
    const budget = new BandBudget();
    const shares = Array.from({ length: 32 }, () => budget.enter());
    expect(shares.reduce((total, share) => total + share.limit, 0)).toBe(128);
    expect(() => budget.enter()).toThrow(expect.objectContaining({ code: 'busy', transient: true }));
    shares[5]!.leave();
    expect(budget.enter().limit).toBe(4);
  });
});
