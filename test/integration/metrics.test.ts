import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { Client, fixture, type Job } from './support/client.js';
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

  test('are budgets with their limits, of the API and of the worker in its process', async () => {
    const text = await scrape();
    for (const [metric, limit] of [
      ['http_bodies', 1024],
      ['http_connections', 10_000],
      ['feature_streams', 256],
      ['region_streams', 32],
      ['worker_jobs', 3],
      ['worker_downloads', 2],
    ] as const) {
      expect(text).toMatch(new RegExp(`^cairn_${metric} \\d+$`, 'm'));
      expect(text).toContain(`\ncairn_${metric}_limit ${limit}\n`);
    }
    expect(text).toContain(`\ncairn_inference_memory_limit_bytes ${256 << 20}\n`);
    expect(text).toContain('\ncairn_inference_memory_bytes 0\n');
    expect(text).toContain('\ncairn_queued_jobs_limit 10000\n');
    for (const line of text.split('\n').filter((row) => row.startsWith('# TYPE'))) {
      expect(text.split(line)).toHaveLength(2);
    }
  });

  test('count errors and failed jobs by code, and refusals by budget', async () => {
    await fetch(`${client.url}/v1/jobs/nothing`);
    const digest = { source: { url: 'http://127.0.0.1:1/x.png' }, model: 'mask-rcnn-resnet18', size: 64 };
    const json = { 'content-type': 'application/json' };
    const job = (await (await client.post('', JSON.stringify(digest), json)).json()) as Job;
    await fetch(`${client.url}/v1/jobs/${job.id}`, { method: 'DELETE' });
    const text = await scrape();
    expect(text).toContain('cairn_http_errors_total{code="job-not-found"} 1');
    for (const budget of ['http_bodies', 'http_connections', 'inference_memory', 'feature_streams', 'region_streams']) {
      expect(text).toContain(`cairn_budget_refusals_total{budget="${budget}"} 0`);
    }
  });

  test('are also served by a worker of its own, where it is told to', async () => {
    const worker = await startService('worker', {
      REDIS_URL: redis.url,
      CAIRN_DATA_DIR: folder.path,
      CAIRN_METRICS_PORT: '0',
    });
    try {
      let url = '';
      await until(() => (url = /metrics at (http:\S+)\/metrics/.exec(worker.log())?.[1] ?? '') !== '');
      const text = await (await fetch(`${url}/metrics`)).text();
      expect(text).toContain('\ncairn_worker_jobs_limit 3\n');
      expect(text).not.toContain('cairn_http_bodies');
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      expect((await fetch(`${url}/v1/jobs`)).status).toBe(404);
      expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
    } finally {
      expect(await worker.end()).toBe(0);
    }
  });

  test('a failed job is counted by its code', async () => {
    const image = Buffer.from(await fixture('astronaut.jpg')).subarray(0, 3000);
    const job = await client.submit(image, 'model=mask-rcnn-resnet18&size=64');
    expect(await client.finish(job.id)).toMatchObject({ state: 'failed', error: { code: 'image-corrupt' } });
    expect(await scrape()).toContain('cairn_job_failures_total{code="image-corrupt"} 1');
  });

  test('are answered without a queue, which is then left out', async () => {
    await redis.stop();
    const text = await scrape();
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(text).not.toContain('cairn_jobs{');
  });
});
