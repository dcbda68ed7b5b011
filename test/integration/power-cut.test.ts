import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { canCutPower, DiskCache } from '../support/power-cut.js';
import { Client, fixture } from './support/client.js';
import { EventClient } from './support/event-client.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let redis: PrivateRedis;
let api: Service;
let disk: DiskCache;
const aof = () => join(folder.path, 'redis', 'appendonlydir');

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await api.end('SIGKILL');
  await redis.stop();
  await folder.remove();
});

async function start(settings: Record<string, string> = {}): Promise<Client> {
  await mkdir(join(folder.path, 'disk'));
  disk = DiskCache.make(join(folder.path, 'disk'));
  redis = await startPrivateRedis({ dataDir: join(folder.path, 'redis'), env: disk.env, settings });
  api = await startService('api', { REDIS_URL: redis.url, CAIRN_DATA_DIR: join(folder.path, 'data') });
  return new Client(api.url);
}

/** What Redis had not synced is gone, as after a power cut. Returns the bytes of its log that are. */
async function cutPower(): Promise<number> {
  process.kill(redis.pid, 'SIGKILL');
  await redis.exited;
  const lost = await disk.lose(aof(), '.incr.aof');
  redis = await startPrivateRedis({ dataDir: join(folder.path, 'redis'), port: redis.port, env: disk.env });
  await until(async () => (await fetch(`${api.url}/readyz`)).status === 200);
  return lost;
}

const submitBatch = async (client: Client): Promise<string> => {
  const line = JSON.stringify({ url: 'http://127.0.0.1:1/x.png', name: 'x' });
  const response = await fetch(`${client.url}/v1/batches?size=64`, { method: 'POST', body: `${line}\n` });
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
};

(canCutPower ? describe : describe.skip)('a power cut', () => {
  test('loses no job and no batch that the private Redis has accepted', async () => {
    const client = await start();
    const image = await fixture('tiny.png');
    for (let cut = 0; cut < 3; cut++) {
      const jobs = [];
      for (const size of [64, 128, 192]) jobs.push((await client.submit(image, `size=${size}`)).id);
      const batch = await submitBatch(client);
      // The heartbeat of a connection may not have been synced, but nobody was told of it.
      await cutPower();
      const states = await Promise.all(jobs.map(async (id) => (await client.job(id)).state));
      expect([states, (await fetch(`${client.url}/v1/batches/${batch}`)).status]).toEqual([
        ['queued', 'queued', 'queued'],
        200,
      ]);
    }
  });

  test('ends the stream of a job that it has lost, with the reason', async () => {
    // As a Redis that syncs once a second, at its worst.
    const client = await start({ appendfsync: 'no' });
    const job = await client.submit(await fixture('tiny.png'), 'size=64');
    const follower = await EventClient.open(client.url + job.links['events']!);
    await until(() => follower.events.length === 1);
    expect(await cutPower()).toBeGreaterThan(0);
    expect((await fetch(`${client.url}/v1/jobs/${job.id}`)).status).toBe(404);
    await until(() => follower.ended, 40_000);
    expect(follower.events.slice(1)).toEqual([
      { event: 'end', data: { code: 'job-not-found', message: expect.stringContaining(job.id) } },
    ]);
  });
});
