import { describe, expect, test } from '@jest/globals';
import { describeError, duration, formatTable } from '../../../src/cli/output.js';
import { CairnError } from '../../../src/errors.js';

const HEAD = ['name', 'size', 'source', 'note'];
const ROWS = [
  ['a', 12345, 'https://example.org/a', 'short'],
  ['long-name', 7, '–', 'a note of several words, which is the longest of all cells'],
];
const widest = (table: string) => Math.max(...table.split('\n').map((line) => line.length));

describe('formatTable', () => {
  test('aligns text to the left and numbers to the right', () => {
    expect(
      formatTable(
        HEAD.slice(0, 2),
        ROWS.map((row) => row.slice(0, 2)),
      ),
    ).toBe(['name         size', '─────────  ──────', 'a          12,345', 'long-name       7'].join('\n'));
  });

  test('wraps the last column between words where the line is limited', () => {
    const table = formatTable(HEAD, ROWS, { width: 75 });
    expect(widest(table)).toBeLessThanOrEqual(75);
    expect(table.replace(/\s+/g, ' ')).toContain('a note of several words');
    expect(
      table
        .split('\n')
        .slice(3)
        .map((line) => line.trim())
        .join(' '),
    ).toMatch(/which is the longest of all cells$/);
  });

  test('leaves out optional columns first, and only as many as needed', () => {
    const options = { width: 80, optional: ['source', 'size'] };
    const table = formatTable(HEAD, ROWS, options);
    expect(table).toMatch(/^name +size +note$/m);
    expect(table.split('\n')).toHaveLength(4);
    expect(widest(table)).toBeLessThanOrEqual(80);
    expect(formatTable(HEAD, ROWS, { ...options, width: 200 })).toBe(formatTable(HEAD, ROWS));
  });

  test('breaks a word that is longer than its line', () => {
    const path = `/${'folder/'.repeat(20)}`;
    const table = formatTable(['name', 'path'], [['a', path]], { width: 40 });
    expect(widest(table)).toBe(40);
    expect(
      table
        .split('\n')
        .slice(2)
        .map((line) => line.slice(6))
        .join(''),
    ).toBe(path);
  });

  test('keeps what a terminal of any width must show', () => {
    for (let width = 1; width < 60; width++) {
      const table = formatTable(HEAD, ROWS, { width, optional: ['source', 'size'] });
      expect(table).toMatch(/long-name/);
      expect(widest(table)).toBeLessThanOrEqual(Math.max(width, 9 + 2 + 20));
    }
  });
});

test.each([
  [null, '–'],
  [3.6, '4 s'],
  [200, '3 min 20 s'],
  [18_720, '5 h 12 min'],
])('%p seconds are shown as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test('what others wrote stays text on a terminal', () => {
  const hostile = 'a\x1b[2J\x9b31m\u202e';
  expect(describeError(new CairnError('server-failed', hostile))).toBe('a\\u001b[2J\\u009b31m\\u202e [server-failed]');
  expect(formatTable(['name', 'note'], [[hostile, 'b\x07']]).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
});

test('a failure to write names the path, which the store keeps from clients', () => {
  const cause = new Error("ENOENT: no such file or directory, mkdir '/proc/foo'");
  const error = new CairnError('store-failed', 'The store failed: ENOENT (mkdir).', { cause });
  expect(describeError(error)).toBe(`${error.message} (${cause.message}) [store-failed]`);
});
