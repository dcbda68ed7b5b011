import { expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { LEVEL_NAMES } from '../../../src/backbone/graph/graph.js';
import { DEFAULT_DECODE_LIMITS } from '../../../src/backbone/preprocess/decode.js';
import { FeatureLibrary } from '../../../src/features/library.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { Quarantine } from '../../../src/features/store/quarantine.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { ImageFetcher } from '../../../src/images/fetch.js';
import { ImageIntake } from '../../../src/images/intake.js';
import { UrlPolicy } from '../../../src/images/url-policy.js';
import type { JobPayload } from '../../../src/jobs/payload.js';
import type { Extractor } from '../../../src/worker/extractor.js';
import type { Claims } from '../../../src/worker/claims.js';
import { Downloads } from '../../../src/worker/downloads.js';
import { Postponed } from '../../../src/worker/postponed.js';
import { ExtractProcessor } from '../../../src/worker/processor.js';
import { imageBytes } from '../../support/fixtures.js';
import { useHttpServers } from '../../support/http-server.js';
import { payloadOf } from '../../support/jobs.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const { serve } = useHttpServers();
const never = new AbortController().signal;
const noStage = () => undefined;

/** A processor whose extractions end when they are told to; those under way are counted. */
async function makeProcessor({
  timeoutMs = 30_000,
  claims,
}: { timeoutMs?: number; claims?: Pick<Claims, 'claim'> } = {}) {
  const root = await tempDir();
  const store = new FileStore(root);
  const limits = {
    maxUploadBytes: 8 << 20,
    ...DEFAULT_DECODE_LIMITS,
    maxUrlLength: 2048,
    maxRatio: 100,
    maxPixels: 4_000_000,
  };
  const running: (() => void)[] = [];
  const extract = () => new Promise((resolve) => running.push(() => resolve({ timings: { run: 1 } })));
  const intake = new ImageIntake(store, limits);
  const fetcher = new ImageFetcher(UrlPolicy.parse('127.0.0.1'), { timeoutMs, minRate: 0, maxRedirects: 5 });
  const processor = new ExtractProcessor(
    {
      extractor: { extract } as unknown as Extractor,
      store,
      library: new FeatureLibrary(store, await loadZstd()),
      quarantine: new Quarantine(store),
      weightsDir: root,
      downloads: new Downloads({ intake, fetcher }, { concurrency: 2, perHost: 2, hostRate: 100 }),
      ...(claims && { claims }),
    },
    { maxSize: 2048, maxJobBytes: 2 ** 30 },
  );
  const { source } = await intake.keep(Readable.from([imageBytes('tiny.png')]));
  const kept = () => readdir(join(root, 'images'));
  return { processor, running, upload: { ...payloadOf(), source } as JobPayload, kept };
}

const ofUrl = (url: string): JobPayload => ({
  ...payloadOf(),
  featuresId: undefined,
  source: { kind: 'url', url, maxBytes: 1 << 20 },
});

test('once all slots are taken by downloads that hang, further ones are postponed, and other jobs are not', async () => {
  const silent = await serve(() => undefined);
  const { processor, running, upload } = await makeProcessor({ timeoutMs: 1000 });
  const slow = ['1', '2'].map((id) => processor.process(ofUrl(silent), never, noStage, id));
  const ends = Promise.allSettled(slow);
  await expect(processor.process(ofUrl(silent), never, noStage, '3')).rejects.toBeInstanceOf(Postponed);
  const done = processor.process(upload, never, noStage, '4');
  while (running.length === 0) await sleep(10);
  running[0]!();
  expect(await done).toMatchObject({ timings: { run: 1 } });
  expect(await ends).toMatchObject([{ reason: { code: 'url-unreachable' } }, { reason: { code: 'url-unreachable' } }]);
  // The slots are free again.
  const again = processor.process(ofUrl(silent), never, noStage, '3');
  await expect(again).rejects.toMatchObject({ code: 'url-unreachable' });
});

test.each([
  ['a web page', Buffer.from(`<!doctype html>${'x'.repeat(1 << 19)}`), 'image-unsupported'],
  ['nothing', Buffer.alloc(0), 'image-empty'],
  [
    'an image that is too long',
    Buffer.concat([imageBytes('astronaut.jpg'), Buffer.alloc(1 << 20)]),
    'upload-too-large',
  ],
])('of %s at a URL no byte is kept', async (_, body, code) => {
  const site = await serve((_request, response) => response.end(body));
  const { processor, kept } = await makeProcessor();
  const before = await kept();
  await expect(processor.process(ofUrl(site), never, noStage, '1')).rejects.toMatchObject({ code });
  expect(await kept()).toEqual(before);
});

test('a job that would not fit into memory is refused before anything is done', async () => {
  const { processor, running, upload } = await makeProcessor();
  const stages: string[] = [];
  for (const options of [{ size: 4096 }, { size: 2048, dtype: 'float32', levels: LEVEL_NAMES }] as const) {
    const { spec } = payloadOf({}, options);
    const failing = processor.process({ ...upload, spec }, never, (stage) => stages.push(stage), '1');
    await expect(failing).rejects.toMatchObject({ code: 'spec-too-large' });
  }
  expect([stages, running]).toEqual([[], []]);
});

test('a job whose features another one computes is postponed, and gives up its claim however it ends', async () => {
  const claimed: string[] = [];
  let free = false;
  const claims = {
    claim: (_: string, jobId: string) => {
      if (!free) return Promise.resolve(undefined);
      claimed.push(`+${jobId}`);
      return Promise.resolve(() => Promise.resolve(void claimed.push(`-${jobId}`)));
    },
  };
  const { processor, running, upload } = await makeProcessor({ claims });
  await expect(processor.process(upload, never, noStage, '1')).rejects.toBeInstanceOf(Postponed);
  free = true;
  const done = processor.process(upload, never, noStage, '2');
  while (running.length === 0) await sleep(10);
  expect(claimed).toEqual(['+2']);
  running[0]!();
  await done;
  const lost = { ...upload, source: { ...upload.source, key: 'images/none' } } as JobPayload;
  await expect(processor.process(lost, never, noStage, '3')).rejects.toMatchObject({ code: 'image-missing' });
  expect(claimed).toEqual(['+2', '-2', '+3', '-3']);
});

test('features are stored under no other id than the server has promised', async () => {
  const { processor, running, upload } = await makeProcessor();
  const promised = { ...upload, featuresId: 'ab'.repeat(32) };
  await expect(processor.process(promised, never, noStage, '1')).rejects.toMatchObject({ code: 'version-mismatch' });
  expect(running).toEqual([]);
});
