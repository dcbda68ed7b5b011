import { expect, test } from '@jest/globals';
import { batchKey } from '../../../../src/cli/batch/submit-batch.js';

const query = (text: string) => new URLSearchParams(text);

test('a key depends on the manifest and the options, not on their order', () => {
  const key = batchKey('aa', query('model=x&size=64'), 1);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(batchKey('aa', query('size=64&model=x'), 1)).toBe(key);
  expect(batchKey('ab', query('model=x&size=64'), 1)).not.toBe(key);
  expect(batchKey('aa', query('model=x&size=128'), 1)).not.toBe(key);
});

test('every attempt has its own key', () => {
  const first = batchKey('aa', query(''), 1);
  expect([2, 3].map((attempt) => batchKey('aa', query(''), attempt))).toEqual([`${first}-2`, `${first}-3`]);
});
