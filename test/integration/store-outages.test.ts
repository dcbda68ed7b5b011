import { afterEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { canMount, mountSmallDisk, type SmallDisk } from '../../trials/place/small-disk.js';
import { BatchClient, numberedImage, OPTIONS, tarOf, type BatchView } from './support/batch-client.js';
import { until } from './support/service.js';
import { useService } from './support/use-service.js';

const MIB = 1 << 20;
const services = useService({ env: { CAIRN_LOCK_DURATION_MS: '2000', CAIRN_STORE_RESERVE_BYTES: String(MIB) } });
const { start } = services;
/** Attempts of a job, with their backoff, end before this. */
const LONGER_THAN_ATTEMPTS_MS = 20_000;
const SIZED = 'model=mask-rcnn-resnet18&size=128&levels=C2,C3,C4,C5';

async function images(count: number): Promise<Buffer> {
  return tarOf(
    await Promise.all(Array.from({ length: count }, async (_, i) => [`${i}.png`, await numberedImage(i)] as const)),
  );
}

async function ready(
  client: BatchClient,
): Promise<{ status: number; code?: string; detail?: string; again: string | null }> {
  const response = await client.get('/readyz');
  return {
    ...((await response.json()) as object),
    status: response.status,
    again: response.headers.get('retry-after'),
  };
}

const completedAll = (batch: BatchView, total: number) =>
  expect(batch.counts).toEqual({ queued: 0, active: 0, completed: total, failed: 0, cancelled: 0 });

(canMount ? describe : describe.skip)('on a disk of its own', () => {
  let disk: SmallDisk | undefined;
  afterEach(() => {
    disk?.unmount();
    disk = undefined;
  });

  test('a full disk is waited out: nothing fails, submissions are told, and work resumes by itself', async () => {
    disk = mountSmallDisk(services.data, 24 * MIB);
    const client = new BatchClient((await start('all')).url);
    const known = await client.submit(await numberedImage(900), SIZED);
    await client.finish(known.id);
    const batch = await client.submitBatch(await images(40), SIZED);
    await until(async () => (await client.batch(batch.id)).counts.completed >= 3);
    const ballast = await disk.fill(100_000);
    await until(async () => (await ready(client)).status === 507);
    expect(await ready(client)).toMatchObject({ code: 'store-full', again: expect.stringMatching(/^\d+$/) });
    const refused = await client.post(SIZED, new Uint8Array(await numberedImage(901)));
    expect([refused.status, refused.headers.get('retry-after') !== null]).toEqual([507, true]);
    expect((await client.postBatch(await images(2))).status).toBe(507);
    // What the store has is answered all the same.
    expect((await client.post(SIZED, new Uint8Array(await numberedImage(900)))).status).toBe(200);
    expect((await client.get('/livez')).status).toBe(200);

    await sleep(LONGER_THAN_ATTEMPTS_MS);
    expect((await client.batch(batch.id)).counts.failed).toBe(0);
    await rm(ballast);
    completedAll(await client.finishBatch(batch.id), 40);
    expect((await ready(client)).status).toBe(200);
  }, 120_000);

  test('a store that turns read-only is waited out, and no answer names its paths', async () => {
    disk = mountSmallDisk(services.data, 64 * MIB);
    const client = new BatchClient((await start('all')).url);
    const batch = await client.submitBatch(await images(40), SIZED);
    await until(async () => (await client.batch(batch.id)).counts.completed >= 3);
    await until(() => {
      // Busy while a file is open for writing.
      try {
        disk!.remount('ro');
        return true;
      } catch {
        return false;
      }
    });
    await until(async () => (await ready(client)).status === 503);
    const state = await ready(client);
    expect(state).toMatchObject({ code: 'store-unavailable', detail: expect.stringContaining('read-only') });
    const refused = await client.post(SIZED, new Uint8Array(await numberedImage(901)));
    const text = await refused.text();
    expect([refused.status, text.includes(services.data), state.detail!.includes(services.data)]).toEqual([
      503,
      false,
      false,
    ]);
    await sleep(5000);
    disk.remount('rw');
    completedAll(await client.finishBatch(batch.id), 40);
  }, 120_000);
});

test('a store that is away for a moment fails no line, and nothing is written in its place', async () => {
  const client = new BatchClient((await start('all')).url);
  const batch = await client.submitBatch(await images(120), SIZED);
  await until(async () => (await client.batch(batch.id)).counts.completed >= 3);
  const away = `${services.data}-away`;
  await rename(services.data, away);
  await until(async () => (await ready(client)).status === 503);
  expect(await ready(client)).toMatchObject({ code: 'store-unavailable' });
  // The empty folder under a mount that is missing.
  await mkdir(services.data);
  await sleep(3000);
  expect((await ready(client)).status).toBe(503);
  await rm(services.data, { recursive: true });
  await rename(away, services.data);
  completedAll(await client.finishBatch(batch.id), 120);
});

describe('a worker with a wrong data folder', () => {
  test.each([
    ['that is no store', false, 'no server has made it a store yet'],
    ['that is another store', true, 'the store here is'],
  ])('%s fails nothing, and says so', async (_, marked, said) => {
    const client = new BatchClient((await start('api')).url);
    const wrong = `${services.data}-wrong`;
    await mkdir(wrong, { recursive: true });
    if (marked) await writeFile(join(wrong, '.cairn-store'), JSON.stringify({ id: randomUUID() }));
    const bad = await start('worker', { CAIRN_DATA_DIR: wrong });
    const batch = await client.submitBatch(await images(20), OPTIONS);
    const job = await client.submit(await numberedImage(900), OPTIONS);
    await until(() => bad.log().includes(said));
    await sleep(1000);
    await start('worker');
    completedAll(await client.finishBatch(batch.id), 20);
    expect(await client.finish(job.id)).toMatchObject({ state: 'completed' });
  });
});
