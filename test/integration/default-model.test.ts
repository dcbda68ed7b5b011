import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startPrivateRedis, type PrivateRedis } from '../../scripts/redis.mjs';
import { zeroKerasFile } from '../support/keras-file.js';
import { Client, fixture } from './support/client.js';
import { startService, temporaryFolder } from './support/service.js';

const MODEL = 'keras-resnet18';

let redis: PrivateRedis;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  redis = await startPrivateRedis();
  await mkdir(join(folder.path, 'weights'));
  await zeroKerasFile(join(folder.path, 'weights'), MODEL, ['C2', 'C3', 'C4', 'C5']);
});

afterAll(async () => {
  await redis.stop();
  await folder.remove();
});

/** The model of a request that names none, and what the log of the start says. */
async function started(weights: string, settings: Record<string, string> = {}) {
  const data = { CAIRN_DATA_DIR: join(folder.path, 'data'), CAIRN_WEIGHTS_DIR: join(folder.path, weights) };
  const service = await startService('api', { REDIS_URL: redis.url, ...data, ...settings });
  try {
    const client = new Client(service.url);
    const { model } = await client.submit(await fixture('astronaut.jpg'), 'size=64&levels=C2');
    const { models } = JSON.parse((await client.bytes('/v1/models')).toString()) as {
      models: { name: string; default: boolean }[];
    };
    expect(models.filter((one) => one.default).map(({ name }) => name)).toEqual([model]);
    return { model, log: service.log() };
  } finally {
    await service.end();
  }
}

test('without weights it is a seeded one, and the log says in a sentence how to get others', async () => {
  const { model, log } = await started('none');
  expect(model).toBe('mask-rcnn-resnet50');
  expect(log).toMatch(/requests that name no model run mask-rcnn-resnet50 on seeded/);
  expect(log).toMatch(/`npm run cairn -- weights pull torchvision-detection-v2-resnet50-coco` gets a detector's/);
});

test('it is a model that has weights, unless another is configured', async () => {
  const { model, log } = await started('weights');
  expect(model).toBe(MODEL);
  expect(log).toMatch(/requests that name no model run keras-resnet18 on keras-resnet18\.h5/);
  expect(log).not.toContain('weights pull');
  const configured = await started('weights', { CAIRN_DEFAULT_MODEL: 'mask-rcnn-resnet18' });
  expect(configured.model).toBe('mask-rcnn-resnet18');
});
