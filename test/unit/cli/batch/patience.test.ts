import { expect, test } from '@jest/globals';
import { Patience } from '../../../../src/cli/batch/patience.js';
import { CairnError, type ErrorCode } from '../../../../src/errors.js';

function failing(times: number, code: ErrorCode) {
  let calls = 0;
  const work = () => {
    if (++calls <= times) return Promise.reject(new CairnError(code, 'Away.'));
    return Promise.resolve('there');
  };
  return { work, calls: () => calls };
}

function make(limitMs = 60_000) {
  const away: string[] = [];
  const stop = new AbortController();
  const onAway = ({ code }: CairnError) => void away.push(code);
  return { patience: new Patience({ limitMs, signal: stop.signal, onAway }), away, stop };
}

test('what can pass is tried again, and said once for all that wait', async () => {
  const { patience, away } = make();
  const [one, two] = [failing(1, 'server-unreachable'), failing(1, 'queue-unavailable')];
  expect(await Promise.all([patience.retry(one.work), patience.retry(two.work)])).toEqual(['there', 'there']);
  expect([one.calls(), two.calls()]).toEqual([2, 2]);
  expect(away).toEqual(['server-unreachable']);
  await patience.retry(failing(1, 'server-unreachable').work);
  expect(away).toHaveLength(2);
});

test('what cannot pass, or what is no error of Cairn, is not tried again', async () => {
  const { patience, away } = make();
  const missing = failing(9, 'job-not-found');
  await expect(patience.retry(missing.work)).rejects.toMatchObject({ code: 'job-not-found' });
  await expect(patience.retry(() => Promise.reject(new TypeError('a defect')))).rejects.toThrow('a defect');
  expect([missing.calls(), away]).toEqual([1, []]);
});

test('a server that stays away is given up', async () => {
  const { patience } = make(0);
  const gone = failing(99, 'server-unreachable');
  await expect(patience.retry(gone.work)).rejects.toMatchObject({ code: 'server-unreachable' });
  expect(gone.calls()).toBe(2);
});

test('a pause ends when it is interrupted', async () => {
  const { patience, stop } = make();
  const waiting = patience.retry(failing(99, 'server-unreachable').work);
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
});
