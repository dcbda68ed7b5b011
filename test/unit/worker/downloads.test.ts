import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { DEFAULT_DECODE_LIMITS } from '../../../src/backbone/preprocess/decode.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { ImageFetcher } from '../../../src/images/fetch.js';
import { ImageIntake } from '../../../src/images/intake.js';
import { UrlPolicy } from '../../../src/images/url-policy.js';
import { Downloads, type DownloadLimits } from '../../../src/worker/downloads.js';
import { Postponed } from '../../../src/worker/postponed.js';
import { until } from '../../integration/support/service.js';
import { imageBytes } from '../../support/fixtures.js';
import { useHttpServers } from '../../support/http-server.js';
import { useRedis } from '../../support/redis.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const { serve } = useHttpServers();
const current = useRedis();
const never = new AbortController().signal;
let store: FileStore;
/** Requests that the servers have seen. */
let asked: string[];

beforeEach(async () => {
  asked = [];
  store = new FileStore(await tempDir());
});

function makeDownloads(limits: Partial<DownloadLimits> = {}) {
  const intake = new ImageIntake(store, {
    ...DEFAULT_DECODE_LIMITS,
    ...{ maxUploadBytes: 8 << 20, maxUrlLength: 2048, maxRatio: 100 },
  });
  const fetching = { timeoutMs: 30_000, minRate: 0, maxRedirects: 5 };
  const fetcher = new ImageFetcher(UrlPolicy.parse('127.0.0.1'), fetching);
  const shared = { redis: current.redis, keys: current.keys };
  const downloads = new Downloads(
    { intake, fetcher, shared },
    { concurrency: 8, perHost: 8, hostRate: 100, ...limits },
  );
  return (url: string, scope: string) =>
    downloads.get({ kind: 'url', url, maxBytes: 1 << 20 }, scope, never, () => undefined);
}

/** A server of one image. */
const serveImage = () =>
  serve((request, response) => {
    asked.push(request.url!);
    response.end(imageBytes('tiny.png'));
  });

/** A server that answers when it is told to. */
async function serveHeld() {
  const held: ServerResponse[] = [];
  const url = await serve((request, response) => {
    asked.push(request.url!);
    held.push(response);
  });
  return { url, release: () => held.splice(0).forEach((response) => response.end(imageBytes('tiny.png'))) };
}

describe('the same URL', () => {
  test('is downloaded once for a batch, and again for another', async () => {
    const url = await serveImage();
    const get = makeDownloads();
    const first = await get(url, 'batch');
    for (let line = 0; line < 5; line++) expect(await get(url, 'batch')).toEqual(first);
    expect(asked).toHaveLength(1);
    await get(`${url}?other`, 'batch');
    await get(url, 'job');
    expect(asked).toHaveLength(3);
  });

  test('is waited for while it is downloaded, without a place', async () => {
    const { url, release } = await serveHeld();
    const get = makeDownloads();
    const first = get(url, 'batch');
    await until(() => asked.length === 1);
    await expect(get(url, 'batch')).rejects.toBeInstanceOf(Postponed);
    release();
    expect(await get(url, 'batch').catch(() => first)).toEqual(await first);
    expect(asked).toHaveLength(1);
  });

  test('is downloaded again once its image is no longer in the store', async () => {
    const url = await serveImage();
    const get = makeDownloads();
    const { key } = await get(url, 'batch');
    await store.delete(key);
    await get(url, 'batch');
    expect([asked.length, await store.has(key)]).toEqual([2, true]);
  });

  test.each([
    ['refuses', 404, 'url-rejected', 1],
    ['fails for now', 503, 'url-unreachable', 3],
  ])('of a server that %s', async (_, status, code, requests) => {
    const url = await serve((request, response) => {
      asked.push(request.url!);
      response.writeHead(status).end();
    });
    const get = makeDownloads();
    for (let line = 0; line < 3; line++) await expect(get(url, 'batch')).rejects.toMatchObject({ code });
    expect(asked).toHaveLength(requests);
  });
});

test('one host gets so many downloads at once; others are not held up by it', async () => {
  const [slow, quick] = [await serveHeld(), await serveImage()];
  const get = makeDownloads({ perHost: 2 });
  const two = [1, 2].map((i) => get(`${slow.url}?${i}`, 'batch'));
  await until(() => asked.length === 2);
  await expect(get(`${slow.url}?3`, 'batch')).rejects.toBeInstanceOf(Postponed);
  await get(quick, 'batch');
  slow.release();
  await Promise.all(two);
  const third = get(`${slow.url}?3`, 'batch');
  await until(() => asked.includes('/?3'));
  slow.release();
  await third;
});

test('all workers together begin so many downloads from a host per second', async () => {
  const url = await serveImage();
  const workers = [makeDownloads({ hostRate: 1 }), makeDownloads({ hostRate: 1 })];
  const seconds = () => Math.floor(Date.now() / 1000);
  const begun = seconds();
  const results = await Promise.allSettled(workers.map((get, i) => get(`${url}?${i}`, 'batch')));
  const postponed = results.filter(({ status }) => status === 'rejected').length;
  // They may have met different seconds.
  expect(postponed).toBe(seconds() === begun ? 1 : postponed);
  await until(() =>
    workers[0]!(`${url}?later`, 'batch').then(
      () => true,
      () => false,
    ),
  );
});
