import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { Client, fixture } from './support/client.js';
import { startService, temporaryFolder, until, type Service } from './support/service.js';

let redis: PrivateRedis;
let service: Service;
let client: Client;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
  service = await startService('all', { REDIS_URL: redis.url, CAIRN_DATA_DIR: folder.path });
  client = new Client(service.url);
});

afterAll(async () => {
  expect(await service.end()).toBe(0);
  await folder.remove();
});

const scrape = async () => (await client.bytes('/metrics')).toString();

describe('what Prometheus scrapes', () => {
  test('are jobs by state and workers by device, and the process', async () => {
    const job = await client.submit(await fixture('astronaut.jpg'), 'model=mask-rcnn-resnet18&size=64');
    await client.finish(job.id);
    let text = '';
    await until(
      async () => (text = await scrape()).includes('cairn_jobs{state="completed"} 1'),
      5000,
      () => text,
    );
    expect(text).toContain('cairn_jobs{state="queued"} 0');
    expect(text).toContain('cairn_workers{engine="onnx",device="cpu"} 1');
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
  });

  test('count requests by pattern and status, never by path', async () => {
    const id = 'ab'.repeat(32);
    for (const path of [`/v1/features/${id}`, `/v1/features/${id}x`, '/nowhere/at/all']) await fetch(client.url + path);
    const text = await scrape();
    const count = (labels: string) =>
      Number(new RegExp(`^http_request_duration_seconds_count\\{${labels}\\} (\\d+)`, 'm').exec(text)?.[1]);
    expect(count('method="GET",route="/v1/features/:id",status="404"')).toBe(2);
    expect(count('method="GET",route="unknown",status="404"')).toBe(1);
    expect(count('method="POST",route="/v1/jobs",status="202"')).toBe(1);
    expect(text).not.toContain(id);
  });

  test('are answered without a queue, which is then left out', async () => {
    await redis.stop();
    const text = await scrape();
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(text).not.toContain('cairn_jobs{');
  });
});
