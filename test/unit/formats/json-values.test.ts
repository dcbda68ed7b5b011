import { describe, expect, test } from '@jest/globals';
import { countJsonValues } from '../../../src/formats/json-values.js';

const count = (text: string, limit = 1000) => countJsonValues(Buffer.from(text), limit);

describe('values of a JSON text', () => {
  test.each([
    ['7', 1],
    ['[]', 2],
    ['[1,2,3]', 4],
    ['{"a":1,"b":[2]}', 6],
    ['"[[[,,,:{{{"', 1],
    [String.raw`["\"[,","\\",","]`, 4],
    [String.raw`["\\\"[,[,"]`, 2],
  ])('%s: at least as many as there are, %i', (text, expected) => {
    expect(count(text)).toBe(expected);
  });

  test('counting ends beyond the limit, and at the end of a text without one', () => {
    expect(count('[[[[[[[[[[', 4)).toBe(5);
    expect(count('["[[[[[')).toBe(2);
    expect(count(String.raw`["[[[[[\\\"`)).toBe(2);
  });
});
