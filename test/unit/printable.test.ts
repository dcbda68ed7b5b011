import { expect, test } from '@jest/globals';
import { printable, printableJson } from '../../src/printable.js';

test('what a terminal would obey is escaped, and nothing else', () => {
  expect(printable('\x1b[2J\x1b[31m red \x9b2K\x7f')).toBe('\\u001b[2J\\u001b[31m red \\u009b2K\\u007f');
  expect(printable('two\nlines\r\n')).toBe('two\\u000alines\\u000d\\u000a');
  expect(printable('two\nlines', '\n')).toBe('two\nlines');
  expect(printable('gpj.\u202etxt \u2066x\u2069 \u2028')).toBe('gpj.\\u202etxt \\u2066x\\u2069 \\u2028');
  expect(printable('Köln 東京 🙂 “quoted” – fine\\')).toBe('Köln 東京 🙂 “quoted” – fine\\');
});

test('JSON stays the same value', () => {
  const value = { name: '\x1b]0;title\x07 \x9b \u202e', list: ['a\nb'] };
  for (const indent of [undefined, 2]) {
    const text = printableJson(value, indent);
    expect(JSON.parse(text)).toEqual(value);
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  }
});
