import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCli, type CliResult } from './support/run-cli.js';
import { startPrivateRedis } from '../../scripts/redis.mjs';
import type { CalibrationFile } from '../../src/backbone/calibration/calibration.js';
import { Client, fixture, type Problem } from '../integration/support/client.js';
import { startService, type Service } from '../integration/support/service.js';
import { zeroKerasFile } from '../support/keras-file.js';

const image = (name: string) => fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url));
const MODEL = 'mask-rcnn-resnet18';
const SPEC = ['--model', MODEL, '--size', '64', '--weights', 'seeded', '--precision', 'int8'];

let out: string;
let file: string;
let calibration: CalibrationFile;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'cairn-calibrate-'));
  file = join(out, 'new/folder', `${MODEL}.calibration.json`);
  await mkdir(join(out, 'photos/more'), { recursive: true });
  for (const name of ['astronaut.jpg', 'landscape.jpg', 'grey-exif6.jpg'])
    await cp(image(name), join(out, 'photos', name));
  await cp(image('portrait.png'), join(out, 'photos/more/portrait.png'));
  await writeFile(join(out, 'photos/notes.txt'), 'no image');
});
afterAll(() => rm(out, { recursive: true, force: true }));

function cairn(...args: string[]): Promise<CliResult> {
  return runCli([...args], { cwd: out });
}

test('calibrate writes the ranges of all levels, judged on images held out, and prints what they cost', async () => {
  const flags = ['--weights', 'seeded', '--size', '64', '--out', file];
  const { status, stdout } = await cairn('calibrate', MODEL, 'photos', ...flags, '--json');
  expect(status).toBe(0);
  calibration = JSON.parse(await readFile(file, 'utf8')) as CalibrationFile;
  const { levels, images, ranges, measured } = calibration;
  expect(levels).toEqual(['C1', 'C2', 'C3', 'C4', 'C5', 'P2', 'P3', 'P4', 'P5', 'P6']);
  expect(images).toEqual({ count: 4, heldOut: 1 });
  // One of each kind: what a ReLU clips begins at 0, sums of signed maps do not.
  expect(ranges['conv1_relu']!.min).toBe(0);
  expect(ranges['fpn_p2']!.min).toBeLessThan(0);
  for (const { cosine, snrDb } of measured) {
    expect(cosine).toBeGreaterThan(0.99);
    expect(snrDb).toBeGreaterThan(20);
  }
  expect(JSON.parse(stdout)).toMatchObject({
    file,
    levels,
    measured,
    runMs: { float32: expect.any(Number), int8: expect.any(Number), ratio: expect.any(Number) },
  });
}, 240_000);

test('the table names the levels, the images and the ratio of run times', async () => {
  const flags = ['--weights', 'seeded', '--size', '64', '--levels', 'C2,C3', '--out', join(out, 'few.json')];
  const { status, stdout } = await cairn('calibrate', MODEL, image('astronaut.jpg'), ...flags);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^level +cosine +SNR \(dB\) +worst error : maximum\n.*\nC2 +0\.\d{5} .*\nC3 /);
  expect(stdout).toMatch(/Run time int8 : float32 on this machine: \d\.\d\d /);
});

test('extract computes in int8 by a calibration, and the id is of its ranges', async () => {
  const extract = async (...flags: string[]) => {
    const { status, stdout } = await cairn(
      'extract',
      image('astronaut.jpg'),
      ...SPEC,
      '--json',
      '--out',
      out,
      ...flags,
    );
    return { status, ...(JSON.parse(stdout) as { id: string }) };
  };
  const first = await extract('--calibration', file);
  expect(first.status).toBe(0);
  const other = join(out, 'other.json');
  const ranges = { ...calibration.ranges, conv1_relu: { ...calibration.ranges['conv1_relu']!, max: 1 } };
  await writeFile(other, JSON.stringify({ ...calibration, ranges }));
  expect((await extract('--calibration', other)).id).not.toBe(first.id);
  expect((await extract('--calibration', file, '--precision', 'float32')).id).not.toBe(first.id);
});

describe('extract refuses', () => {
  test.each([
    ['no calibration', 'calibration-missing', undefined, ['--weights', weightsFile()]],
    ['a file that is not there', 'calibration-missing', undefined, ['--calibration', 'nowhere.json']],
    ['a truncated file', 'calibration-invalid', (text: string) => text.slice(0, -10), []],
    ['NaN', 'calibration-invalid', (text: string) => text.replace(/"max":[^,]+/, '"max":NaN'), []],
    ['other weights', 'calibration-mismatch', (text: string) => text, ['--weights', 'seeded:1']],
    [
      'an engine without integers',
      'option-invalid',
      (text: string) => text,
      ['--engine', 'tensorflow', '--device', 'wasm'],
    ],
  ])('%s: %s', async (_, code, change, flags) => {
    const damaged = join(out, 'damaged.json');
    if (change) await writeFile(damaged, change(JSON.stringify(calibration)));
    const given = change ? ['--calibration', damaged] : [];
    const { status, stderr } = await cairn('extract', image('tiny.png'), ...SPEC, ...given, ...flags, '--out', out);
    expect(stderr).toContain(`[${code}]`);
    expect(status).toBe(1);
  });

  test('levels that the calibration leaves out', async () => {
    const given = ['--calibration', join(out, 'few.json'), '--levels', 'C5'];
    const { status, stderr } = await cairn('extract', image('tiny.png'), ...SPEC, ...given, '--out', out);
    expect(stderr).toContain('[calibration-incomplete]');
    expect(status).toBe(1);
  });
});

/** Never read: there is no calibration beside it. */
function weightsFile(): string {
  return fileURLToPath(new URL('../fixtures/weights/keras2.h5', import.meta.url));
}

describe('the service', () => {
  let redis: Awaited<ReturnType<typeof startPrivateRedis>>;
  let service: Service;
  let client: Client;
  const weights = () => join(out, 'weights');
  const own = 'keras-resnet18';

  beforeAll(async () => {
    await mkdir(weights());
    await zeroKerasFile(weights(), own, ['C2']);
    await cp(file, join(weights(), `${MODEL}.calibration.json`));
    redis = await startPrivateRedis();
    const env = {
      REDIS_URL: redis.url,
      CAIRN_DATA_DIR: join(out, 'data'),
      CAIRN_WEIGHTS_DIR: weights(),
      CAIRN_DEVICE: 'cpu',
    };
    service = await startService('all', env);
    client = new Client(service.url);
  }, 120_000);

  afterAll(async () => {
    expect(await service.end()).toBe(0);
    await redis.stop();
  });

  const post = async (query: string) => {
    const response = await client.post(query, new Uint8Array(await fixture('astronaut.jpg')), {
      'content-type': 'image/jpeg',
    });
    return (await response.json()) as Problem;
  };

  test('computes in int8 by the calibration in the weights folder, and says so', async () => {
    const job = await client.submit(await fixture('astronaut.jpg'), `model=${MODEL}&size=64&levels=C3&precision=int8`);
    const { state, featuresId } = await client.finish(job.id);
    expect(state).toBe('completed');
    const description: unknown = await (await fetch(`${service.url}/v1/features/${featuresId}`)).json();
    expect(description).toMatchObject({
      precision: 'int8',
      calibrationDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('refuses what it has no ranges for before anything is queued', async () => {
    const query = `model=${own}&size=64&levels=C2&precision=int8`;
    expect(await post(query)).toMatchObject({ status: 400, code: 'calibration-missing' });
    const path = join(weights(), `${own}.calibration.json`);
    await writeFile(path, '{');
    expect(await post(query)).toMatchObject({ status: 400, code: 'calibration-invalid' });
    await writeFile(path, JSON.stringify(calibration));
    expect(await post(query)).toMatchObject({ status: 400, code: 'calibration-mismatch' });
  });
});
