import { describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { gunzip, kindOf, peek } from '../../../../src/batches/entries/body-kind.js';
import { UnpackLimit } from '../../../../src/formats/inflation.js';
import { isHidden } from '../../../../src/batches/entries/image-entry.js';
import { chunksOf, collect } from '../../../support/chunks.js';
import { imageBytes } from '../../../support/fixtures.js';
import { zipBytes } from '../../../support/zip-bytes.js';

function cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const count = Math.ceil(bytes.length / size);
  return chunksOf(...Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size)));
}

describe('a body is known by its first bytes', () => {
  test.each([1, 100, 512, 5000])('in chunks of %d bytes, none of which is lost', async (size) => {
    const tar = pack();
    tar.entry({ name: 'a.png' }, Buffer.alloc(3000, 7));
    tar.finalize();
    const bodies = {
      tar: await collect(tar as AsyncIterable<Uint8Array>),
      zip: zipBytes([{ name: 'a', data: Buffer.from('a') }]),
      gzip: gzipSync('x'),
      ndjson: Buffer.from('{"source": {}}\n'.repeat(100)),
      other: imageBytes('astronaut.jpg'),
    };
    for (const [kind, body] of Object.entries(bodies)) {
      const { head, all } = await peek(cut(body, size));
      expect(kindOf(head)).toBe(kind);
      expect((await collect(all)).equals(body)).toBe(true);
    }
  });

  test('nothing is an empty manifest', async () => {
    const { head, all } = await peek(cut(Buffer.alloc(0), 1));
    expect([kindOf(head), (await collect(all)).length]).toEqual(['ndjson', 0]);
  });
});

describe('gunzip', () => {
  test('gives what was packed, and refuses what is damaged', async () => {
    const packed = gzipSync('hello '.repeat(1000));
    expect((await collect(gunzip(cut(packed, 7), new UnpackLimit(100)))).toString()).toBe('hello '.repeat(1000));
    const half = packed.subarray(0, packed.length / 2);
    await expect(collect(gunzip(cut(half, 7), new UnpackLimit(100)))).rejects.toMatchObject({
      code: 'request-malformed',
    });
  });

  test('refuses what bursts, early', async () => {
    let given = 0;
    const bomb = gzipSync(Buffer.alloc(512 << 20));
    const counted = async function* () {
      for await (const chunk of cut(bomb, 4096)) {
        given += chunk.length;
        yield chunk;
      }
    };
    await expect(collect(gunzip(counted(), new UnpackLimit(100)))).rejects.toMatchObject({ code: 'batch-too-large' });
    expect(given).toBeLessThan(bomb.length / 2);
  });

  test('much out of little is fine while it is small, or while the ratio is honest', () => {
    const limit = new UnpackLimit(100);
    expect(() => limit.check(64 << 20, 1)).not.toThrow();
    expect(() => limit.check(100 << 20, 1 << 20)).not.toThrow();
    expect(() => limit.check((100 << 20) + 1, 1 << 20)).toThrow(/100 times/);
  });

  test('text is small up to one megabyte', async () => {
    const limit = new UnpackLimit(100);
    limit.isText();
    expect(() => limit.check(1 << 20, 1)).not.toThrow();
    expect(() => limit.check((1 << 20) + 1, 1)).toThrow(/100 times/);
    const lines = gzipSync('x\n'.repeat(2 << 20));
    await expect(collect(gunzip(cut(lines, 100), limit))).rejects.toMatchObject({ code: 'batch-too-large' });
    const urls = Array.from({ length: 40_000 }, (_, i) => `{"source":{"url":"https://example.org/${i}.jpg"}}\n`).join(
      '',
    );
    expect((await collect(gunzip(cut(gzipSync(urls), 100), limit))).toString()).toBe(urls);
  });
});

test.each([
  ['a/b.png', false],
  ['./a.png', false],
  ['../../a.png', false],
  ['.hidden', true],
  ['a/.DS_Store', true],
  ['__MACOSX/a/b.png', true],
  ['a/._b.png', true],
  ['', true],
])('%s hidden: %s', (name, hidden) => expect(isHidden(name)).toBe(hidden));
