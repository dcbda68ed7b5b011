import { expect, test } from '@jest/globals';
import { Client, fixture } from './support/client.js';
import { useSharedService } from './support/use-service.js';

const services = useSharedService();
const OPTIONS = 'model=mask-rcnn-resnet18&size=256';

test('identical jobs are computed once by all workers together, and each can be cancelled alone', async () => {
  const client = new Client((await services.start('api')).url);
  const image = await fixture('astronaut.jpg');
  const jobs = await Promise.all(Array.from({ length: 30 }, () => client.submit(image, OPTIONS)));
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(30);
  const [dropped, ...kept] = jobs;
  await fetch(`${client.url}/v1/jobs/${dropped!.id}`, { method: 'DELETE' });
  await Promise.all([services.start('worker'), services.start('worker')]);
  const ended = await Promise.all(kept.map(({ id }) => client.finish(id)));
  expect(ended.map(({ state }) => state)).toEqual(kept.map(() => 'completed'));
  const computed = ended.filter(({ timings }) => Object.keys(timings ?? {}).length > 0);
  expect(computed).toHaveLength(1);
  expect(new Set(ended.map(({ features }) => features!.id)).size).toBe(1);
  expect(await client.job(dropped!.id)).toMatchObject({ state: 'cancelled' });
});
