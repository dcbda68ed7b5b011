import { expect, test } from '@jest/globals';
import { RetryPolicy } from '../../../src/client/retry-policy.js';
import { CairnError, type ErrorCode } from '../../../src/errors.js';

function failing(times: number, code: ErrorCode) {
  let calls = 0;
  const work = () => {
    if (++calls <= times) return Promise.reject(new CairnError(code, 'Away.'));
    return Promise.resolve('there');
  };
  return { work, calls: () => calls };
}

function make(limitMs = 60_000) {
  const outages: string[] = [];
  const stop = new AbortController();
  const onOutage = ({ code }: CairnError) => void outages.push(code);
  return { policy: new RetryPolicy({ limitMs, onOutage }, stop.signal), outages, stop };
}

test('transient failures are retried, and an outage is reported once for all calls', async () => {
  const { policy, outages } = make();
  const [one, two] = [failing(1, 'server-unreachable'), failing(1, 'queue-unavailable')];
  expect(await Promise.all([policy.retry(one.work), policy.retry(two.work)])).toEqual(['there', 'there']);
  expect([one.calls(), two.calls()]).toEqual([2, 2]);
  expect(outages).toEqual(['server-unreachable']);
  await policy.retry(failing(1, 'server-unreachable').work);
  expect(outages).toHaveLength(2);
});

test('permanent failures and other errors are not retried', async () => {
  const { policy, outages } = make();
  const missing = failing(9, 'job-not-found');
  await expect(policy.retry(missing.work)).rejects.toMatchObject({ code: 'job-not-found' });
  await expect(policy.retry(() => Promise.reject(new TypeError('a defect')))).rejects.toThrow('a defect');
  expect([missing.calls(), outages]).toEqual([1, []]);
});

test('a long outage ends the retries', async () => {
  for (const [limitMs, calls] of [
    [0, 1],
    [1, 2],
  ] as const) {
    const { policy } = make(limitMs);
    const gone = failing(99, 'server-unreachable');
    await expect(policy.retry(gone.work)).rejects.toMatchObject({ code: 'server-unreachable' });
    expect(gone.calls()).toBe(calls);
  }
});

test('an interruption ends a pause', async () => {
  const { policy, stop } = make();
  const waiting = policy.retry(failing(99, 'server-unreachable').work);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});
