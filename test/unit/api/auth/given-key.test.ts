import { describe, expect, test } from '@jest/globals';
import { givenKey } from '../../../../src/api/auth/given-key.js';

const given = (headersDistinct: Record<string, string[]>) => givenKey({ headersDistinct });

describe('the key of a request', () => {
  test.each([
    [{ authorization: ['Bearer abc'] }],
    [{ authorization: ['bearer   abc  '] }],
    [{ 'x-api-key': ['abc'] }],
    // That of a proxy.
    [{ authorization: ['Basic dXNlcjpwYXNz'], 'x-api-key': ['abc'] }],
  ])('%j', (headers) => expect(given(headers)).toBe('abc'));

  test.each([
    [{}],
    [{ authorization: [''] }],
    [{ authorization: ['Bearer'] }],
    [{ authorization: ['Bearer '] }],
    [{ authorization: ['abc'] }],
    [{ authorization: ['Basic abc'] }],
    [{ authorization: ['Bearer a b'] }],
    [{ authorization: ['BearerX abc'] }],
    [{ 'x-api-key': [''] }],
  ])('%j has none', (headers) =>
    expect(() => given(headers)).toThrow(expect.objectContaining({ code: 'key-missing' })),
  );

  test.each([
    [{ authorization: ['Bearer abc', 'Bearer abc'] }],
    [{ authorization: ['Bearer abc'], 'x-api-key': ['abc'] }],
    [{ 'x-api-key': ['abc', 'def'] }],
  ])('%j has several', (headers) =>
    expect(() => given(headers)).toThrow(expect.objectContaining({ code: 'key-invalid' })),
  );
});
