import { describe, expect, test } from '@jest/globals';
import { foreignOrigin, hostName } from '../../../../src/api/http/browser-guard.js';

test.each([
  ['localhost', 'localhost'],
  ['LocalHost:8080', 'localhost'],
  ['127.0.0.1:8080', '127.0.0.1'],
  ['[::1]:8080', '::1'],
  ['[::1]', '::1'],
  ['localhost@evil.example:80', 'localhost@evil.example'],
  ['', ''],
])('the name in the host %s is %s', (host, name) => {
  expect(hostName(host)).toBe(name);
});

describe('a request of another site', () => {
  const host = 'cairn.example:8080';

  test.each([
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site', origin: 'http://other.example' }],
    [{ origin: 'http://cairn.example' }],
    [{ origin: 'http://cairn.example:8080.evil.example' }],
    [{ origin: 'null' }],
    [{ origin: '' }],
  ])('%j is refused', (headers) => {
    expect(foreignOrigin({ headers: { host, ...headers } })).toMatchObject({ code: 'origin-forbidden' });
  });

  test.each([
    [{}],
    [{ 'sec-fetch-site': 'none' }],
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://proxy.example' }],
    [{ origin: 'http://cairn.example:8080' }],
    [{ origin: 'https://CAIRN.example:8080' }],
  ])('%j is none', (headers) => {
    expect(foreignOrigin({ headers: { host, ...headers } })).toBeUndefined();
  });

  test('is let in where its origin is listed, exactly', () => {
    const allowed = ['https://viewer.example'];
    const ask = (origin: string) =>
      foreignOrigin({ headers: { host, origin, 'sec-fetch-site': 'cross-site' } }, allowed);
    expect(ask('https://viewer.example')).toBeUndefined();
    for (const origin of [
      'http://viewer.example',
      'https://viewer.example.evil',
      'https://viewer.example:8443',
      'null',
    ])
      expect(ask(origin)).toMatchObject({ code: 'origin-forbidden' });
  });
});
