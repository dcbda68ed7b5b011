import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../../../../src/backbone/weights/download/digest.js';
import { downloadWeights } from '../../../../../src/backbone/weights/download.js';
import { listPublished } from '../../../../../src/backbone/weights/published.js';
import { useHttpServers } from '../../../../support/http-server.js';
import { PUBLISHED_BYTES, sendPublished } from '../../../../support/published-file.js';
import { useTempDirs } from '../../../../support/temp-dir.js';

const tempDir = useTempDirs();
const { serve } = useHttpServers();

const hash = (algorithm: string) => createHash(algorithm).update(PUBLISHED_BYTES).digest('hex');

interface Host {
  /** Headers of each reply. */
  readonly headers: Readonly<Record<string, string>>;
  /** To a signed URL of another server. */
  readonly redirects?: boolean;
  /** How it refuses a file that is not there. */
  readonly absent: number;
  /** What the catalogue knows of its files. */
  readonly digest: Digest;
}

/** The hosts of the catalogue as they answer; the hub has tests of its own. */
const HOSTS: Readonly<Record<string, Host>> = {
  // Redirects to its object store.
  'github.com': {
    headers: { etag: '"0x8D"', 'x-ms-blob-type': 'BlockBlob' },
    redirects: true,
    absent: 404,
    digest: `md5:${hash('md5')}`,
  },
  'storage.googleapis.com': {
    headers: { 'x-goog-hash': 'crc32c=x', etag: `"${hash('md5')}"` },
    absent: 404,
    digest: `md5:${hash('md5')}`,
  },
  // Both are buckets of S3 behind CloudFront, which refuse what is absent.
  'download.pytorch.org': {
    headers: { etag: '"ab-12"', 'x-cache': 'Hit from cloudfront' },
    absent: 403,
    digest: `sha256:${hash('sha256').slice(0, 8)}`,
  },
  'dl.fbaipublicfiles.com': {
    headers: { etag: '"ab-12"', 'x-cache': 'Miss from cloudfront' },
    absent: 403,
    digest: `md5:${hash('md5').slice(0, 6)}`,
  },
};

test('every host of the catalogue but the hub is here', () => {
  const hosts = new Set(listPublished().map(({ url }) => new URL(url).host));
  expect(hosts).toEqual(new Set([...Object.keys(HOSTS), 'huggingface.co']));
});

describe.each(Object.entries(HOSTS))('%s', (_, { headers, redirects, absent, digest }) => {
  /** A server that ends the first `breaks` downloads in the middle. */
  async function start(breaks = 0) {
    const ranges: (string | undefined)[] = [];
    const send = (request: IncomingMessage, response: ServerResponse) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response.setHeader('accept-ranges', 'bytes');
      if (request.url?.startsWith('/absent.pth')) {
        response.writeHead(absent).end('<Error/>');
        return;
      }
      ranges.push(request.headers.range);
      if (ranges.length > breaks) {
        sendPublished(request, response);
        return;
      }
      response.writeHead(200, { 'content-length': PUBLISHED_BYTES.length });
      response.write(PUBLISHED_BYTES.subarray(0, 100_000), () => response.destroy());
    };
    const files = await serve(send);
    if (!redirects) return { base: files, ranges };
    const base = await serve(({ url }, response) => {
      response.writeHead(302, { location: `${files}${url}?se=2030&sig=x` }).end();
    });
    return { base, ranges };
  }

  test('its file is brought and checked by what the catalogue states', async () => {
    const { base } = await start();
    const target = join(await tempDir(), 'net');
    const entry = { name: 'net', url: `${base}/net.pth`, digest };
    expect(await downloadWeights(entry, target)).toBe(PUBLISHED_BYTES.length);
    expect((await readFile(target)).equals(PUBLISHED_BYTES)).toBe(true);
    expect(await downloadWeights(entry, target)).toBe(0);
  });

  test('a download that broke off goes on where it was', async () => {
    const { base, ranges } = await start(1);
    const target = join(await tempDir(), 'net');
    const entry = { name: 'net', url: `${base}/net.pth`, digest };
    await expect(downloadWeights(entry, target)).rejects.toMatchObject({ code: 'weights-unreachable' });
    await downloadWeights(entry, target);
    expect((await readFile(target)).equals(PUBLISHED_BYTES)).toBe(true);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('another file is not kept, and an absent one is named', async () => {
    const { base } = await start();
    const folder = await tempDir();
    const [algorithm, hex] = digest.split(':') as ['md5' | 'sha256', string];
    const other: Digest = `${algorithm}:${hex.startsWith('0') ? '1' : '0'}${hex.slice(1)}`;
    const wrong = downloadWeights({ name: 'net', url: `${base}/net.pth`, digest: other }, join(folder, 'net'));
    await expect(wrong).rejects.toMatchObject({ code: 'weights-checksum' });
    const gone = downloadWeights({ name: 'net', url: `${base}/absent.pth`, digest }, join(folder, 'net'));
    await expect(gone).rejects.toMatchObject({
      code: 'weights-unavailable',
      message: expect.stringContaining(`${absent}`),
    });
    expect(await readdir(folder)).toEqual([]);
  });
});
