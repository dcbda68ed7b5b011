import { beforeAll, expect, test } from '@jest/globals';
import { Client, fixture } from './support/client.js';
import type { Service } from './support/service.js';
import { useSharedService } from './support/use-service.js';

const LOCK_MS = 2000;
const large = { CAIRN_MAX_SIZE: '3072', CAIRN_MAX_JOB_BYTES: String(8 * 2 ** 30) };
const { start } = useSharedService({ env: { CAIRN_LOCK_DURATION_MS: String(LOCK_MS), CAIRN_THREADS: '1', ...large } });
let services: Service[];

beforeAll(async () => {
  // A second worker stands by to take the job over if its lock is ever lost.
  services = [await start('api'), await start('worker'), await start('worker')];
});

test('a job that takes several times as long as its lock lasts keeps it, and runs once', async () => {
  const client = new Client(services[0]!.url);
  // ResNet-101 on nine times the usual pixels with one thread; only its smallest level is kept.
  const job = await client.submit(await fixture('landscape.jpg'), 'model=mask-rcnn-resnet101&size=3072&levels=C5');
  const done = await client.finish(job.id, 240_000);
  expect(done).toMatchObject({ state: 'completed', attempts: 1 });
  expect(done.timings!['run']).toBeGreaterThan(3 * LOCK_MS);
  for (const service of services) expect(service.log()).not.toMatch(/lost its worker|could not be renewed/);
}, 300_000);
