import { beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { downloadWeights, type DownloadOptions } from '../../../../src/backbone/weights/download.js';
import type { PublishedWeights } from '../../../../src/backbone/weights/published.js';
import { useHttpServers } from '../../../support/http-server.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { PUBLISHED_BYTES as CONTENT, publishedAt, sendPublished as whole } from '../../../support/published-file.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const tempDir = useTempDirs();
const { serve, close: closeServers } = useHttpServers();
expectNoOpenFiles();

const HALF = CONTENT.length / 2;

let folder: string;
let target: string;
beforeEach(async () => {
  folder = join(await tempDir(), 'weights');
  target = join(folder, 'net-imagenet.h5');
});

type Reply = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that gives the n-th request the n-th reply, and an entry whose file it publishes. */
async function publish(replies: Reply[], fields: Partial<PublishedWeights> = {}) {
  const requests: (string | undefined)[] = [];
  const base = await serve((request, response) => {
    const reply = replies[requests.length];
    requests.push(request.headers.range);
    if (reply) reply(request, response);
    else response.writeHead(500).end();
  });
  const entry = publishedAt(`${base}/published/net_weights.h5`, fields);
  return { entry, requests, pull: (options?: DownloadOptions) => downloadWeights(entry, target, options) };
}

async function leave(part: Uint8Array) {
  await mkdir(folder, { recursive: true });
  await writeFile(`${target}.part`, part);
}

const files = () => readdir(folder).catch(() => []);

/** The right file is at its place, and nothing else. */
async function expectWhole() {
  expect(await files()).toEqual(['net-imagenet.h5']);
  expect((await readFile(target)).equals(CONTENT)).toBe(true);
}

/** Half of the file, then nothing more. */
const stalled: Reply = (_, response) => {
  response.writeHead(200, { 'content-length': CONTENT.length }).write(CONTENT.subarray(0, HALF));
};
const status =
  (code: number): Reply =>
  (_, response) =>
    response.writeHead(code).end('a page that explains');

describe('downloadWeights', () => {
  test('brings the file and tells how far it is', async () => {
    const { pull, requests } = await publish([whole]);
    const seen: [number, number | undefined][] = [];
    expect(await pull({ onProgress: (...step) => seen.push(step) })).toBe(CONTENT.length);
    await expectWhole();
    expect([seen[0], seen.at(-1)]).toEqual([
      [0, CONTENT.length],
      [CONTENT.length, CONTENT.length],
    ]);
    expect(requests).toEqual([undefined]);
  });

  test('asks nobody when the right file is there', async () => {
    const { pull, requests } = await publish([whole]);
    await pull();
    expect(await pull()).toBe(0);
    expect(await pull({ force: true })).toBe(0);
    expect(requests).toHaveLength(1);
  });

  test('leaves another file at its place alone unless it is forced, and then until the right one is whole', async () => {
    const { pull, requests } = await publish([status(404), whole]);
    await mkdir(folder);
    await writeFile(target, 'fine-tuned');
    await expect(pull()).rejects.toMatchObject({ code: 'weights-conflict' });
    expect(requests).toEqual([]);
    await expect(pull({ force: true })).rejects.toMatchObject({ code: 'weights-unavailable' });
    expect(await readFile(target, 'utf8')).toBe('fine-tuned');
    await pull({ force: true });
    await expectWhole();
  });

  test('follows redirects', async () => {
    const redirect: Reply = (_, response) => response.writeHead(302, { location: '/elsewhere' }).end();
    const { pull } = await publish([redirect, whole]);
    expect(await pull()).toBe(CONTENT.length);
  });

  test('takes a file that the server compresses on its way', async () => {
    const packed = gzipSync(CONTENT);
    const gzip: Reply = (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
    };
    await (await publish([gzip])).pull();
    await expectWhole();
  });

  test('says that the disk refuses', async () => {
    const { entry } = await publish([whole]);
    await mkdir(folder);
    await writeFile(join(folder, 'file'), '');
    await expect(downloadWeights(entry, join(folder, 'file/net.h5'))).rejects.toMatchObject({ code: 'store-failed' });
  });
});

describe('a download that breaks off', () => {
  test('is gone on from where it stopped', async () => {
    let cut: () => unknown;
    const cutShort: Reply = (request, response) => {
      stalled(request, response);
      cut = () => response.destroy();
    };
    const { pull, requests } = await publish([cutShort, whole]);
    const onProgress = (bytes: number) => bytes > 0 && cut();
    await expect(pull({ onProgress })).rejects.toMatchObject({ code: 'weights-unreachable', transient: true });
    expect(await files()).toEqual(['net-imagenet.h5.part']);
    const kept = await readFile(`${target}.part`);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.equals(CONTENT.subarray(0, kept.length))).toBe(true);

    const seen: number[] = [];
    expect(await pull({ onProgress: (bytes) => seen.push(bytes) })).toBe(CONTENT.length - kept.length);
    expect(requests).toEqual([undefined, `bytes=${kept.length}-`]);
    expect(seen[0]).toBe(kept.length);
    await expectWhole();
  });

  const elsewhere: Reply = (_, response) => {
    response.writeHead(206, { 'content-range': `bytes 0-9/${CONTENT.length}` }).end(CONTENT.subarray(0, 10));
  };
  const nowhere: Reply = (_, response) => response.writeHead(206).end(CONTENT.subarray(HALF));
  test.each<[string, Reply[], Partial<PublishedWeights>, number]>([
    ['the server ignores the range', [(_, response) => response.end(CONTENT)], {}, 1],
    ['the server answers with another range', [elsewhere, whole], {}, 2],
    ['the server does not say which range it sends', [nowhere, whole], {}, 2],
    ['the server has no such range', [status(416), whole], {}, 2],
  ])('starts over when %s', async (_, replies, fields, asked) => {
    await leave(CONTENT.subarray(0, HALF));
    const { pull, requests } = await publish(replies, fields);
    expect(await pull()).toBe(CONTENT.length);
    expect(requests).toEqual([`bytes=${HALF}-`, undefined].slice(0, asked));
    await expectWhole();
  });

  test('starts over when more was kept than the file has', async () => {
    await leave(Buffer.concat([CONTENT, CONTENT]));
    const known = await publish([whole]);
    expect(await known.pull()).toBe(CONTENT.length);
    expect(known.requests).toEqual([undefined]);
  });

  test('starts over when the server knows that more was kept than the file has', async () => {
    await leave(Buffer.concat([CONTENT, CONTENT]));
    const { pull, requests } = await publish([whole, whole], { bytes: undefined });
    expect(await pull()).toBe(CONTENT.length);
    expect(requests).toEqual([`bytes=${2 * CONTENT.length}-`, undefined]);
  });

  test('needs no more than the check when all was kept', async () => {
    await leave(CONTENT);
    const known = await publish([]);
    expect(await known.pull()).toBe(0);
    expect(known.requests).toEqual([]);
    expect(await files()).toEqual(['net-imagenet.h5']);
  });

  test('needs no more than the check when the server says that all was kept', async () => {
    await leave(CONTENT);
    const { pull, requests } = await publish([whole], { bytes: undefined });
    expect(await pull()).toBe(0);
    expect(requests).toEqual([`bytes=${CONTENT.length}-`]);
    await expectWhole();
  });

  test('leaves nothing when what was kept belongs to another file', async () => {
    await leave(Buffer.alloc(HALF, 'x'));
    const { pull } = await publish([whole, whole]);
    await expect(pull()).rejects.toMatchObject({ code: 'weights-checksum' });
    expect(await files()).toEqual([]);
    expect(await pull()).toBe(CONTENT.length);
  });

  const silent: Reply = () => undefined;
  test.each<[string, Reply, string[]]>([
    ['before it answers', silent, []],
    ['in the middle', stalled, ['net-imagenet.h5.part']],
  ])('is given up when the server falls silent %s', async (_, reply, kept) => {
    const { pull } = await publish([reply]);
    await expect(pull({ silenceMs: 200 })).rejects.toMatchObject({
      code: 'weights-unreachable',
      message: expect.stringContaining('nothing came for 0.2 s'),
    });
    expect(await files()).toEqual(kept);
  });

  test('is not given up while anything comes', async () => {
    const slow: Reply = (_, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(CONTENT.subarray(sent, (sent += CONTENT.length / 8)));
        if (sent >= CONTENT.length) clearInterval(timer);
      }, 200);
    };
    const { pull } = await publish([slow]);
    expect(await pull({ silenceMs: 1000 })).toBe(CONTENT.length);
  });

  test('keeps what it has when it is cancelled', async () => {
    const { pull } = await publish([stalled, whole]);
    const stop = new AbortController();
    const onProgress = (bytes: number) => bytes === HALF && stop.abort();
    await expect(pull({ signal: stop.signal, onProgress })).rejects.toMatchObject({ code: 'cancelled' });
    expect(await files()).toEqual(['net-imagenet.h5.part']);
    await expect(pull({ signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(await files()).toEqual(['net-imagenet.h5.part']);
    await pull();
    await expectWhole();
  });
});

describe('a wrong file', () => {
  const other = Buffer.from(CONTENT).fill(1, 1000, 1001);
  const chunked =
    (bytes: Uint8Array): Reply =>
    (_, response) => {
      response.write(bytes);
      response.end();
    };
  test.each<[string, Reply, Partial<PublishedWeights>, RegExp]>([
    [
      'of the right size',
      (_, response) => response.end(other),
      {},
      /its digest is md5:[0-9a-f]{32}, not md5:[0-9a-f]{32}/,
    ],
    ['of a size that is not known', (_, response) => response.end(other), { bytes: undefined }, /its digest is md5:/],
    ['that announces another size', (_, response) => response.end('page'), {}, /it has 4 bytes, not 300000/],
    ['that goes on too long', chunked(Buffer.concat([CONTENT, other])), {}, /it has more than 300000 bytes/],
    ['that ends too early', chunked(CONTENT.subarray(0, HALF)), {}, /it has 150000 bytes, not 300000/],
    ['that is empty', (_, response) => response.end(), { bytes: undefined }, /its digest is md5:d41d8cd98f00b204e980/],
    [
      'that announces more than any weights have',
      (_, response) => response.writeHead(200, { 'content-length': 2 ** 40 }).write('x'),
      { bytes: undefined },
      /it has 1099511627776 bytes, more than 1073741824/,
    ],
  ])('%s leaves nothing behind', async (_, reply, fields, message) => {
    const { pull } = await publish([reply], fields);
    await expect(pull()).rejects.toMatchObject({
      code: 'weights-checksum',
      message: expect.stringMatching(message),
      transient: false,
    });
    expect(await files()).toEqual([]);
  });

  test('does not take the place of the one that it was to replace', async () => {
    const { pull } = await publish([(_, response) => response.end(other)]);
    await mkdir(folder);
    await writeFile(target, 'fine-tuned');
    await expect(pull({ force: true })).rejects.toMatchObject({ code: 'weights-checksum' });
    expect(await readFile(target, 'utf8')).toBe('fine-tuned');
    expect(await files()).toEqual(['net-imagenet.h5']);
  });
});

describe('a server that refuses', () => {
  test.each([
    [404, 'weights-unavailable'],
    [403, 'weights-unavailable'],
    [204, 'weights-unavailable'],
    [429, 'weights-unreachable'],
    [408, 'weights-unreachable'],
    [500, 'weights-unreachable'],
    [503, 'weights-unreachable'],
  ])('with %d is %s; what was kept stays', async (code, expected) => {
    const { pull, entry } = await publish([status(code), status(code)]);
    const failure = { code: expected, message: `${entry.url} answered with status ${code}.` };
    await expect(pull()).rejects.toMatchObject(failure);
    expect(await files()).toEqual([]);
    await leave(CONTENT.subarray(0, HALF));
    await expect(pull()).rejects.toMatchObject(failure);
    expect(await files()).toEqual(['net-imagenet.h5.part']);
  });

  test('to connect is weights-unreachable, with the reason', async () => {
    const { port } = new URL(await serve(() => undefined));
    await closeServers();
    await expect(downloadWeights(publishedAt(`http://127.0.0.1:${port}/net.h5`), target)).rejects.toMatchObject({
      code: 'weights-unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
