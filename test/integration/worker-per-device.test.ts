import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { Client, fixture, type Job } from './support/client.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

let redis: PrivateRedis;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;

beforeEach(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
});

afterEach(async () => {
  await service.end('SIGKILL');
  await redis.stop();
  await folder.remove();
});

async function start(role: 'worker' | 'all'): Promise<void> {
  service = await startService(role, {
    REDIS_URL: redis.url,
    CAIRN_DATA_DIR: join(folder.path, 'data'),
    CAIRN_LOCK_DURATION_MS: '2000',
    CAIRN_CONCURRENCY: '1',
    CAIRN_DEVICES: '0,1',
    CAIRN_ENGINE: 'onnx',
    CAIRN_DEVICE: 'cpu',
  });
  const ready = () => service.log().match(/working on jobs/g)?.length === 2;
  await until(ready, 30_000, () => service.log());
}

/** Process ids of all workers that were started, the oldest first. */
const workerPids = () =>
  Array.from(service.log().matchAll(/worker (\d) is process (\d+)/g), (match) => Number(match[2]));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

interface Workers {
  readonly workers: readonly { engine: string; device: string; host: string; pid: number }[] | null;
}
const workersOf = async (client: Client) =>
  (JSON.parse((await client.bytes('/v1/models')).toString()) as Workers).workers;

test('a worker that is killed in the middle of a job comes back, and nothing is lost or left behind', async () => {
  await start('all');
  const client = new Client(service.url);
  const [doomed, other] = workerPids();
  // A worker works a moment before the queue knows its name.
  await until(async () => (await workersOf(client))?.length === 2);
  const workers = (await workersOf(client))!;
  expect(workers.map(({ pid }) => pid).sort()).toEqual([doomed!, other!].sort());
  expect(workers).toContainEqual({ engine: 'onnx', device: 'cpu', host: expect.any(String), pid: doomed });

  // Compiling this network for its first job keeps each worker busy for seconds.
  const image = await fixture('astronaut.jpg');
  const submit = (query: string) => client.submit(image, `model=mask-rcnn-resnet101&${query}`);
  const jobs = [await submit('size=128&levels=C4'), await submit('size=128&levels=C5')];
  const running = async () => {
    const now = await Promise.all(jobs.map((job) => client.job(job.id)));
    return now.every((job: Job) => job.state === 'active' && job.progress?.stage === 'run');
  };
  await until(running);
  process.kill(doomed!, 'SIGSTOP');
  // Stopped in the middle of its job: it cannot get any further between this look and its end.
  expect(await running()).toBe(true);
  process.kill(doomed!, 'SIGKILL');
  jobs.push(await submit('size=64&levels=C4'), await submit('size=64&levels=C5'));

  const done = await Promise.all(jobs.map((job) => client.finish(job.id)));
  expect(done.map(({ state }) => state)).toEqual(Array.from(jobs, () => 'completed'));
  expect(
    done
      .slice(0, 2)
      .map(({ attempts }) => attempts)
      .sort(),
  ).toEqual([1, 2]);
  for (const { features } of done) expect((await client.bytes(`${features!.href}.zarr.zip`)).length).toBeGreaterThan(0);
  expect(service.log()).toMatch(/worker 0 was ended by SIGKILL; restarting in 1 s/);

  await until(async () => (await workersOf(client))?.length === 2);
  expect(workerPids()).toHaveLength(3);
  expect((await workersOf(client))!.map(({ pid }) => pid).sort()).toEqual(workerPids().slice(1).sort());
  expect(await service.end('SIGTERM')).toBe(0);
  expect(workerPids().filter(isAlive)).toEqual([]);
});

test('SIGTERM lets the workers finish their jobs before it ends', async () => {
  await start('all');
  const client = new Client(service.url);
  const job = await client.submit(await fixture('astronaut.jpg'), 'size=128');
  await client.waitFor(job.id, ['active']);
  expect(await service.end('SIGTERM')).toBe(0);
  expect(workerPids().filter(isAlive)).toEqual([]);

  await start('all');
  expect(await new Client(service.url).job(job.id)).toMatchObject({ state: 'completed', attempts: 1 });
  expect(await service.end('SIGTERM')).toBe(0);
});

test('workers do not outlive the process that keeps them, however that ends', async () => {
  await start('worker');
  expect(workerPids().map(isAlive)).toEqual([true, true]);
  await service.end('SIGKILL');
  await until(
    () => !workerPids().some(isAlive),
    15_000,
    () => service.log(),
  );
  expect(service.log()).toMatch(/the supervisor is gone: finishing running jobs/);
});
