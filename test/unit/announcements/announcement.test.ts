import { describe, expect, test } from '@jest/globals';
import { fromEntry, matches, toFields, type Announcement } from '../../../src/announcements/announcement.js';
import { specFor } from '../../support/specs.js';
import { isBefore, isEntryId } from '../../../src/redis/entry-id.js';

const plain: Announcement = {
  ...specFor({ levels: ['C4'], dtype: 'float32', size: 64 }),
  model: 'm',
  ...{ featuresId: '0f'.repeat(32), jobId: 'j', made: false },
};
const ofBatch: Announcement = { ...plain, batch: { id: 'b', line: 1, name: 'data' } };

test.each([
  ['without', plain],
  ['with', ofBatch],
])('an announcement %s a batch comes back from its fields', (_, given) => {
  expect(fromEntry(['1-0', toFields(given)])).toEqual({ id: '1-0', announcement: given });
});

describe('matches', () => {
  test.each([
    [[], [], plain, true],
    [['m'], [], plain, true],
    [['n', 'm'], [], plain, true],
    [['n'], [], plain, false],
    [[], ['b'], plain, false],
    [[], ['b'], ofBatch, true],
    [['n'], ['b'], ofBatch, false],
  ])('models %j and batches %j', (models, batches, announcement, expected) => {
    expect(matches({ models, batches }, announcement)).toBe(expected);
  });
});

test('ids are ordered by both of their numbers, as numbers', () => {
  const ids = ['0-0', '9-0', '10-2', '10-10', '1732187412345-0'];
  for (const [i, a] of ids.entries()) {
    for (const [j, b] of ids.entries()) expect(isBefore(a, b)).toBe(i < j);
  }
});

test('what is no id is known', () => {
  expect(['1-0', '0-0'].every(isEntryId)).toBe(true);
  expect(['', '1', '1-', '-1', '1-0-0', '1-0\n', ' 1-0', '$', '1e3-0'].some(isEntryId)).toBe(false);
});
