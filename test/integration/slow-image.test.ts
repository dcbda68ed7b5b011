import { expect, test } from '@jest/globals';
import { slowJpeg } from '../support/jpeg-scans.js';
import { numberedImage } from './support/batch-client.js';
import { Client } from './support/client.js';
import { useSharedService } from './support/use-service.js';

const services = useSharedService({ env: { CAIRN_MAX_SCANS: '1000' } });
const OPTIONS = 'model=mask-rcnn-resnet18&size=64';

test('an image that takes too long to decode fails alone, and one that is cancelled is decoded no further', async () => {
  const client = new Client((await services.start('api')).url);
  await services.start('worker', { CAIRN_DECODE_CPU_MS: '700' });
  const slow = await client.submit(slowJpeg(), OPTIONS);
  const cancelled = await client.submit(slowJpeg(), `${OPTIONS}&levels=C3`);
  const neighbour = await client.submit(await numberedImage(1), OPTIONS);
  await fetch(`${client.url}/v1/jobs/${cancelled.id}`, { method: 'DELETE' });
  expect(await client.finish(slow.id)).toMatchObject({
    state: 'failed',
    attempts: 1,
    error: { code: 'image-decode-limit', message: 'The image takes more than 0.7 s of CPU time to decode.' },
  });
  expect(await client.finish(neighbour.id)).toMatchObject({ state: 'completed', attempts: 1 });
  expect(await client.job(cancelled.id)).toMatchObject({ state: 'cancelled' });
});
