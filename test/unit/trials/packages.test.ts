import { expect, test } from '@jest/globals';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { fromBufferPromise } from 'yauzl';
import { tarOf, zipOf } from '../../../trials/fuzz/packages.js';

const FILES = [
  ['a.png', Buffer.from('first')],
  ['b/c.jpg', Buffer.alloc(1000, 7)],
  ['empty', Buffer.alloc(0)],
] as const;

test('tars are read by others', async () => {
  const found: [string, Buffer][] = [];
  const members = Readable.from([tarOf(FILES)]).pipe(extract());
  for await (const member of members) found.push([member.header.name, await buffer(member)]);
  expect(found).toEqual(FILES);
});

test('zips are read by others', async () => {
  const zip = await fromBufferPromise(zipOf(FILES));
  const found: [string, Buffer][] = [];
  for await (const entry of zip.eachEntry()) {
    found.push([entry.fileName, await buffer(await zip.openReadStreamPromise(entry))]);
  }
  expect(found).toEqual(FILES);
});
