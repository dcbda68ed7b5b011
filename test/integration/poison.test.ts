import { expect, test } from '@jest/globals';
import { Client, type Job } from './support/client.js';
import { numberedImage } from './support/batch-client.js';
import { useHeldImage } from './support/held-image.js';
import { until } from './support/service.js';
import { useService } from './support/use-service.js';

const { start } = useService({ env: { CAIRN_LOCK_DURATION_MS: '1000' } });
const held = useHeldImage();
const OPTIONS = 'model=mask-rcnn-resnet18&size=64';

/** A job that runs until its worker is killed: its image never comes. */
async function poison(client: Client): Promise<Job> {
  const body = JSON.stringify({ source: { url: held.url } });
  const response = await client.post(OPTIONS, body, { 'content-type': 'application/json' });
  return (await response.json()) as Job;
}

test('a job that kills its workers is given up with a code of its own; its neighbours complete', async () => {
  const client = new Client((await start('api')).url);
  const killer = await poison(client);
  let deaths = 0;
  const neighbours = await Promise.all([1, 2].map(async (i) => client.submit(await numberedImage(i), OPTIONS)));
  while (deaths < 6) {
    const worker = await start('worker');
    // Once its image is asked for, the job runs.
    await until(async () => held.asked > deaths || (await client.job(killer.id)).state === 'failed');
    if (held.asked === deaths) break;
    await worker.end('SIGKILL');
    deaths++;
  }
  expect(await client.job(killer.id)).toMatchObject({ state: 'failed', error: { code: 'job-killed-worker' } });
  expect(deaths).toBe(3);
  for (const { id } of neighbours) expect(await client.finish(id)).toMatchObject({ state: 'completed' });
});
