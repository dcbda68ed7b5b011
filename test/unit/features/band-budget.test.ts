import { describe, expect, test } from '@jest/globals';
import { BandBudget } from '../../../src/features/band-budget.js';
import { REGION_BANDS } from '../../../src/features/roi-align/band-cache.js';

describe('the bands that readers of regions share', () => {
  test('are fewer for each the more there are, and more again when some leave', () => {
    const budget = new BandBudget(REGION_BANDS);
    const first = budget.enter();
    expect(first.limit).toBe(64);
    const others = Array.from({ length: 7 }, () => budget.enter());
    expect(first.limit).toBe(16);
    for (const share of others) share.leave();
    others[0]!.leave();
    expect(first.limit).toBe(64);
  });

  test('are never more than 128 for all, and who would get too few is told to come again', () => {
    const budget = new BandBudget(REGION_BANDS);
    const shares = Array.from({ length: 32 }, () => budget.enter());
    expect(shares.reduce((total, share) => total + share.limit, 0)).toBe(128);
    expect(() => budget.enter()).toThrow(expect.objectContaining({ code: 'busy', transient: true }));
    shares[5]!.leave();
    expect(budget.enter().limit).toBe(4);
  });

  test('each has one at least, however many readers there are', () => {
    const budget = new BandBudget({ bands: 2, each: 3, readers: 4, what: 'tests' });
    expect(Array.from({ length: 4 }, () => budget.enter()).map(({ limit }) => limit)).toEqual([1, 1, 1, 1]);
  });
});

describe('readers that wait', () => {
  const signal = () => new AbortController();

  test('enter in their order as others leave', async () => {
    const budget = new BandBudget({ bands: 1, each: 1, readers: 1, what: 'tests' });
    const first = budget.enter();
    const entered: string[] = [];
    const wait = async (name: string) => {
      const share = await budget.wait(signal().signal);
      entered.push(name);
      return share;
    };
    const [a, b] = [wait('a'), wait('b')];
    await Promise.resolve();
    expect(entered).toEqual([]);
    first.leave();
    (await a).leave();
    (await b).leave();
    expect(entered).toEqual(['a', 'b']);
    budget.enter();
  });

  test('one that is aborted hands its place on', async () => {
    const budget = new BandBudget({ bands: 1, each: 1, readers: 1, what: 'tests' });
    const first = budget.enter();
    const [gone, stays] = [signal(), signal()];
    const refused = expect(budget.wait(gone.signal)).rejects.toMatchObject({ code: 'cancelled' });
    const next = budget.wait(stays.signal);
    first.leave();
    gone.abort();
    await refused;
    (await next).leave();
  });
});
