import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../../src/cli/compare/measure.js';
import type { Setting } from '../../src/cli/compare/settings.js';
import { CLI, runCli, type CliResult } from './support/run-cli.js';

const image = (name: string) => fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url));
const MODEL = 'mask-rcnn-resnet18';
const SPEC = ['--model', MODEL, '--size', '128', '--levels', 'C2,C4'];
const IMAGES = ['astronaut.jpg', 'portrait.png'];
/** Of C2, 32² × 64, and C4, 8² × 256, in float32. */
const FLOAT32_BYTES = (32 * 32 * 64 + 8 * 8 * 256) * 4;

interface Compared {
  readonly settings: readonly (Setting & Measurement)[];
  readonly leftOut?: { readonly precision: string; readonly code: string; readonly message: string };
}

let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'cairn-e2e-compare-'));
  await mkdir(join(out, 'tmp'));
});
afterAll(() => rm(out, { recursive: true, force: true }));

/** Archives go into a folder of the test, where leftovers would be seen. */
const environment = () => ({ PATH: process.env['PATH'], TMPDIR: join(out, 'tmp') });

function cairn(...args: string[]): Promise<CliResult> {
  return runCli(args, { cwd: out, env: environment() });
}

function find(compared: Compared, wanted: Partial<Setting>): Setting & Measurement {
  const matches = compared.settings.filter((setting) =>
    Object.entries(wanted).every(([name, value]) => setting[name as keyof Setting] === value),
  );
  expect(matches).toHaveLength(1);
  return matches[0]!;
}

const snrOf = ({ levels }: Measurement, level: string) => levels.find((each) => each.level === level)!.snrDb;

describe('with a calibration', () => {
  let compared: Compared;
  beforeAll(async () => {
    const flags = [...SPEC, '--weights', 'seeded', '--json'];
    const { status, stdout, stderr } = await cairn('compare', ...IMAGES.map(image), ...flags);
    expect(stderr).toMatch(/seeded weights/);
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    compared = JSON.parse(stdout) as Compared;
  }, 120_000);

  test('every encoding of both precisions is measured, after the reference', () => {
    const rows = compared.settings.map(({ precision, dtype, codec, quality }) => [precision, dtype, codec, quality]);
    const of = (precision: string) => [
      [precision, 'float16', 'zstd', undefined],
      [precision, 'uint8', 'zstd', undefined],
      ...[85, 75, 60].map((quality) => [precision, 'uint8', 'jpeg', quality]),
    ];
    expect(rows).toEqual([['float32', 'float32', 'zstd', undefined], ...of('float32'), ...of('int8')]);
    expect(compared).not.toHaveProperty('leftOut');
    for (const { float32Bytes, encodeMBps, decodeMBps, imagesPerSecond } of compared.settings) {
      expect(float32Bytes).toBe(FLOAT32_BYTES);
      for (const speed of [encodeMBps, decodeMBps, imagesPerSecond]) expect(speed).toBeGreaterThan(0);
    }
  });

  test('bytes are those of the archives that extract writes', async () => {
    for (const [name, setting, flags] of [
      ['halves', { precision: 'float32', dtype: 'float16' }, []],
      ['jpeg', { precision: 'int8', quality: 85 }, ['--dtype', 'uint8', '--codec', 'jpeg', '--quality', '85']],
    ] as const) {
      const { precision } = setting;
      const spec = [...SPEC, ...flags, '--weights', 'seeded', '--precision', precision];
      const folder = join(out, name);
      await cairn('extract', ...IMAGES.map(image), ...spec, '--out', folder);
      const sizes = await Promise.all(
        (await readdir(folder)).map(async (file) => (await stat(join(folder, file))).size),
      );
      expect(sizes).toHaveLength(IMAGES.length);
      expect(find(compared, setting).bytes).toBe(sizes.reduce((sum, size) => sum + size, 0) / sizes.length);
    }
  });

  test('what is kept of the float network: all, then less with each step down', () => {
    const of = (wanted: Partial<Setting>) => find(compared, { precision: 'float32', ...wanted });
    expect(of({ dtype: 'float32' }).levels).toEqual(
      ['C2', 'C4'].map((level) => ({ level, cosine: expect.closeTo(1, 12), snrDb: null, maxAbs: 0 })),
    );
    for (const level of ['C2', 'C4']) {
      const halves = snrOf(of({ dtype: 'float16' }), level)!;
      const integers = snrOf(of({ dtype: 'uint8', codec: 'zstd' }), level)!;
      const jpegs = [85, 75, 60].map((quality) => snrOf(of({ quality }), level)!);
      expect(halves).toBeGreaterThan(60);
      const losses = [halves, integers, ...jpegs];
      expect(losses).toEqual(losses.toSorted((a, b) => b - a));
      expect(new Set(losses).size).toBe(losses.length);
    }
    const sizes = [of({ dtype: 'float16' }), of({ dtype: 'uint8', codec: 'zstd' }), of({ quality: 60 })];
    for (const [i, { bytes }] of sizes.slice(1).entries()) expect(bytes).toBeLessThan(sizes[i]!.bytes);
  });

  test('the integer network is judged against the float network', () => {
    const halves = find(compared, { precision: 'int8', dtype: 'float16' });
    for (const { level, cosine, snrDb } of halves.levels) {
      expect(cosine).toBeGreaterThan(0.99);
      expect(snrDb).toBeGreaterThan(20);
      expect(snrDb).toBeLessThan(snrOf(find(compared, { precision: 'float32', dtype: 'float16' }), level)!);
    }
  });
});

describe('int8 is left out, and the rest is measured', () => {
  test.each([
    ['there is no calibration', 'calibration-missing', ['--weights', 'seeded:1']],
    [
      'the engine has no integers',
      'option-invalid',
      ['--weights', 'seeded', '--engine', 'tensorflow', '--device', 'wasm'],
    ],
  ])('where %s', async (_, code, flags) => {
    const { status, stdout } = await cairn('compare', image('tiny.png'), '--model', MODEL, '--size', '64', ...flags);
    expect(status).toBe(0);
    expect(stdout).toContain('float32  uint8 jpeg 60');
    expect(stdout).not.toMatch(/^int8 +(float|uint)/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`^int8 is left out: .*\\[${code}\\]$`));
  });
});

test('the table has both networks, and fits into 120 columns', async () => {
  const flags = ['--model', MODEL, '--size', '64', '--weights', 'seeded'];
  const { status, stdout } = await cairn('compare', image('tiny.png'), ...flags);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^mask-rcnn-resnet18 on seeded weights, C2 C3 C4 C5 nhwc at 64², onnx on cpu\n/);
  expect(stdout.match(/^int8 +uint8 jpeg 75 .*$/gm)).toHaveLength(3);
  expect(stdout).not.toContain('left out');
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});

describe('refuses, with nothing measured', () => {
  test.each([
    ['an image that cannot be decoded', 'image-corrupt', [image('astronaut.jpg'), image('truncated.jpg')]],
    ['no image', 'image-missing', ['nowhere.jpg']],
    ['an unknown model', 'model-unknown', [image('tiny.png'), '--model', 'mask-rcnn-resnet19']],
    ['threads that are no number', 'option-invalid', [image('tiny.png'), '--threads', 'x']],
    ['a calibration that is not there', 'calibration-missing', [image('tiny.png'), '--calibration', 'nowhere.json']],
    ['a damaged calibration', 'calibration-invalid', [image('tiny.png'), '--calibration', 'damaged.json']],
  ])('%s: %s', async (_, code, args) => {
    await writeFile(join(out, 'damaged.json'), '{');
    const { status, stdout, stderr } = await cairn('compare', '--model', MODEL, '--size', '64', ...args);
    expect(stderr).toContain(`[${code}]`);
    expect(stdout).toBe('');
    expect(status).toBe(1);
    if (code === 'image-corrupt') expect(stderr).toContain('truncated.jpg');
  });

  test('fields that it varies itself', async () => {
    const { status, stderr } = await cairn('compare', image('tiny.png'), '--dtype', 'uint8');
    expect(stderr).toContain('--dtype');
    expect(status).toBe(2);
  });
});

test('Ctrl-C ends it, and no archive stays behind', async () => {
  const args = ['compare', image('astronaut.jpg'), ...SPEC, '--weights', 'seeded'];
  const child = spawn(process.execPath, [CLI, ...args], { cwd: out, env: environment(), stdio: 'ignore' });
  const ended = once(child, 'close');
  while (!(await archives()).some((name) => name.includes('reference-'))) await sleep(5);
  child.kill('SIGINT');
  expect(await ended).toEqual([130, null]);
  expect(await archives()).toEqual([]);
});

/** Without the files of ONNX Runtime's own logging. */
async function archives(): Promise<string[]> {
  return (await readdir(join(out, 'tmp'), { recursive: true })).filter((path) => path.startsWith('cairn-'));
}

test('a finished run leaves no archive either', async () => {
  expect(await archives()).toEqual([]);
});
