import { expect, test } from '@jest/globals';
import { parseManifestLine } from '../../../../src/cli/batch/manifest-line.js';

const SHA256 = 'ab'.repeat(32);

test.each([
  ['{"source":{"path":"a/b.jpg"}}', { source: { path: 'a/b.jpg' }, name: 'b', options: {} }],
  ['{"source":{"path":"b.jpg"},"name":"x/y"}', { source: { path: 'b.jpg' }, name: 'x/y', options: {} }],
  [
    '{"size":128,"source":{"url":"http://h/p/q.png?x=1"},"levels":["C4"]}',
    { source: { url: 'http://h/p/q.png?x=1' }, name: 'q', options: { size: 128, levels: ['C4'] } },
  ],
  [`{"source":{"sha256":"${SHA256}"}}`, { source: { sha256: SHA256 }, name: SHA256, options: {} }],
  ['photos/one two.jpg\r', { source: { path: 'photos/one two.jpg' }, name: 'one two', options: {} }],
  ['https://h/a%20b.jpg', { source: { url: 'https://h/a%20b.jpg' }, name: 'a b', options: {} }],
  ['https://h/', { source: { url: 'https://h/' }, name: 'h', options: {} }],
  ['https://h/%ff.jpg', { source: { url: 'https://h/%ff.jpg' }, name: '%ff', options: {} }],
])('%s is understood', (text, expected) => {
  expect(parseManifestLine(text, 7)).toEqual({ line: 7, ...expected });
});

test.each(['', '  \r'])('an empty line is no line', (text) => {
  expect(parseManifestLine(text, 1)).toBeUndefined();
});

test('a byte order mark at the beginning is no part of a name', () => {
  expect(parseManifestLine('\uFEFFa.jpg', 1)).toMatchObject({ source: { path: 'a.jpg' }, name: 'a' });
});

test.each([
  [undefined, /too long/],
  ['{"source":', /not JSON/],
  ['{"source":"a.jpg"}', /path, url \(http or https\) or sha256 \(64 lowercase/],
  ['{"source":{"path":"a.jpg","url":"http://h/a.jpg"}}', /path, url \(http or https\) or sha256 \(64 lowercase/],
  ['{"source":{"url":"ftp://h/a.jpg"}}', /path, url \(http or https\) or sha256 \(64 lowercase/],
  ['{"source":{"sha256":"ab"}}', /path, url \(http or https\) or sha256 \(64 lowercase/],
  ['{"path":"a.jpg"}', /path, url \(http or https\) or sha256 \(64 lowercase/],
  ['{"source":{"path":"a.jpg"},"name":3}', /name must be a string/],
  ['http://:x/', /not a URL/],
])('%s is a bad line', (text, message) => {
  const line = parseManifestLine(text, 3);
  expect(line).toMatchObject({
    line: 3,
    error: { code: 'request-malformed', message: expect.stringMatching(message) },
  });
});
