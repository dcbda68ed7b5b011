import { expect, test } from '@jest/globals';
import { LEVEL_NAMES } from '../../../src/backbone/graph/graph.js';
import type { FeatureLibrary } from '../../../src/features/library.js';
import type { StoreHealth } from '../../../src/features/store/store-health.js';
import type { JobQueue } from '../../../src/jobs/queue.js';
import { JobService } from '../../../src/jobs/service.js';
import type { JobWaiter } from '../../../src/jobs/waiter.js';
import { parseSpec } from '../../../src/spec/feature-spec.js';
import { ModelRegistry } from '../../../src/spec/resolve.js';
import { useTempDirs } from '../../support/temp-dir.js';
import { zeroWeights } from '../../support/zero-weights.js';

const tempDir = useTempDirs();
const MODEL = 'torchvision-resnet18';

/** `resolve` needs neither queue nor store. */
async function makeService() {
  const folder = await tempDir();
  await zeroWeights(folder, MODEL, ['C5']);
  const registry = new ModelRegistry(folder);
  const limits = { maxSize: 2048, maxJobBytes: 2 * 2 ** 30 };
  const [queue, waiter, library] = [{} as JobQueue, {} as JobWaiter, {} as FeatureLibrary];
  return new JobService(queue, waiter, library, registry, {} as StoreHealth, limits);
}

test('a spec that a worker could not hold in memory is refused before it is queued', async () => {
  const service = await makeService();
  const refused = [
    [{ size: 4096, levels: 'C5' }, /^size is 4096; the limit of this service is 2048 \(CAIRN_MAX_SIZE\)/],
    [{ size: 2048, dtype: 'float32', levels: LEVEL_NAMES }, /need about \d+ MB of memory; .* 2147 MB \(CAIRN_MAX_JOB/],
  ] as const;
  for (const [options, message] of refused) {
    await expect(service.resolve(parseSpec(options))).rejects.toMatchObject({
      code: 'spec-too-large',
      transient: false,
      message: expect.stringMatching(message),
    });
  }
  const accepted = await service.resolve(parseSpec({ model: MODEL, stage5: false, size: 1024 }));
  expect(accepted).toMatchObject({ weights: `${MODEL}.safetensors` });
});
