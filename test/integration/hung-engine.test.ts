import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { numberedImage } from './support/batch-client.js';
import { Client } from './support/client.js';
import { until } from './support/service.js';
import { useService } from './support/use-service.js';

const services = useService();
const OPTIONS = 'model=mask-rcnn-resnet18&size=64';

test('a worker whose engine hangs time and again ends itself, and all of its jobs are done elsewhere', async () => {
  const client = new Client((await services.start('api')).url);
  // Its calibration never comes: reading it blocks in the system, where no thread can be stopped.
  const weights = join(services.data, '..', 'weights');
  await mkdir(weights);
  execFileSync('mkfifo', [join(weights, 'mask-rcnn-resnet18.calibration.json')]);
  const env = {
    CAIRN_WEIGHTS_DIR: weights,
    CAIRN_COMPILE_TIMEOUT_MS: '8000',
    CAIRN_LOCK_DURATION_MS: '1000',
    CAIRN_METRICS_PORT: '0',
  };
  const worker = await services.start('worker', env);
  const stuck = await client.submit(await numberedImage(1), `${OPTIONS}&precision=int8`);
  const other = await client.submit(await numberedImage(2), OPTIONS);
  const { process } = worker;
  await until(() => /metrics at \S+/.test(worker.log()));
  const livez = /metrics at (\S+)\/metrics/.exec(worker.log())![1]! + '/livez';
  expect((await fetch(livez)).status).toBe(200);
  await until(async () => (await fetch(livez)).status === 503);
  // By a signal: a process does not exit while its threads hang.
  await until(
    () => process.exitCode !== null || process.signalCode !== null,
    90_000,
    () => worker.log(),
  );
  expect(process.signalCode).toBe('SIGKILL');
  expect(worker.log()).toContain('the engine hangs: its thread is replaced');
  expect(worker.log()).toContain('2 threads of the engine hang');
  await services.start('worker', { CAIRN_LOCK_DURATION_MS: '1000' });
  for (const { id } of [stuck, other]) expect(await client.finish(id)).toMatchObject({ state: 'completed' });
});
