import { expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchIntake } from '../../../src/batches/intake.js';
import { ndjsonEntries } from '../../../src/batches/entries/ndjson-entries.js';
import { DEFAULT_DECODE_LIMITS } from '../../../src/backbone/preprocess/decode.js';
import type { FeatureLibrary } from '../../../src/features/library.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { StoreHealth } from '../../../src/features/store/store-health.js';
import { ImageIntake } from '../../../src/images/intake.js';
import type { JobQueue } from '../../../src/jobs/queue.js';
import { JobService } from '../../../src/jobs/service.js';
import type { JobWaiter } from '../../../src/jobs/waiter.js';
import { ModelRegistry } from '../../../src/spec/resolve.js';
import { chunksOf } from '../../support/chunks.js';
import { useTempDirs } from '../../support/temp-dir.js';
import { zeroWeights } from '../../support/zero-weights.js';

const tempDir = useTempDirs();
const MODEL = 'torchvision-resnet18';
const URL_LINE = JSON.stringify({ source: { url: 'https://example.org/a.jpg' } });

/** Nothing is queued, so that there is no queue. */
async function makeIntake(maxRefused: number) {
  const root = await tempDir();
  const store = new FileStore(root);
  const spec = { maxSize: 2048, maxJobBytes: 2 ** 31 };
  await zeroWeights(root, MODEL, ['C4']);
  const registry = new ModelRegistry(root);
  const health = new StoreHealth(store, { role: 'owner', log: console });
  const jobs = new JobService({} as JobQueue, {} as JobWaiter, {} as FeatureLibrary, registry, health, spec);
  const limits = { ...DEFAULT_DECODE_LIMITS, maxUploadBytes: 1 << 20, maxUrlLength: 2048, maxRatio: 100 };
  const images = new ImageIntake(store, limits);
  const intake = new BatchIntake(store, jobs, { maxRefused });
  const accept = (lines: readonly string[]) =>
    intake.accept('ab'.repeat(16), { model: MODEL, stage5: false }, () =>
      ndjsonEntries(chunksOf(Buffer.from(lines.join('\n'))), images),
    );
  return { accept, left: () => readdir(join(root, 'batches')) };
}

test('a batch may have as many refused lines as the limit; one more refuses it, and nothing of it is left', async () => {
  const { accept, left } = await makeIntake(3);
  const bad = Array.from({ length: 3 }, () => 'x');
  expect(await accept([URL_LINE, ...bad, URL_LINE])).toMatchObject({ total: 5, rejected: { count: 3 } });
  const before = await left();
  await expect(accept([URL_LINE, ...bad, URL_LINE, 'x'])).rejects.toMatchObject({
    code: 'batch-invalid',
    message: expect.stringMatching(/^More than 3 lines of this batch are refused, line 6 with: Line 6 is not JSON/),
  });
  expect(await left()).toEqual(before);
});

test('a URL that is too long fails its line alone, without being repeated', async () => {
  const { accept } = await makeIntake(3);
  const long = JSON.stringify({ source: { url: `https://example.org/${'x'.repeat(2048)}` } });
  const { total, rejected } = await accept([URL_LINE, long]);
  expect([total, rejected]).toEqual([
    2,
    { count: 1, first: [{ line: 2, code: 'url-too-long', message: expect.stringContaining('2068 characters') }] },
  ]);
});
