import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCli, type CliResult } from './support/run-cli.js';
import { parseSafetensors } from '../integration/support/client.js';
import { readZarrArray, unzip } from '../support/zarr.js';

const image = (name: string) => fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url));
const weights = (name: string) => fileURLToPath(new URL(`../fixtures/weights/${name}`, import.meta.url));

let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'cairn-cli-'));
});
afterAll(() => rm(out, { recursive: true, force: true }));

/** Runs the command line as a user does, in an empty folder and without their environment. */
function cairn(...args: string[]): Promise<CliResult> {
  return runCli([...args], { cwd: out });
}

test('extract --json prints one line an image and writes what it names', async () => {
  const args = ['--levels', 'C3,C4', '--size', '128', '--format', 'safetensors', '--out', join(out, 'st'), '--json'];
  const { status, stdout, stderr } = await cairn('extract', image('astronaut.jpg'), image('tiny.png'), ...args);
  expect(status).toBe(0);
  expect(stderr).toMatch(/seeded weights/);
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(2);
  const line = JSON.parse(lines.find((text) => text.includes('astronaut'))!) as Record<string, unknown>;
  expect(line).toMatchObject({
    image: image('astronaut.jpg'),
    path: join(out, 'st/astronaut.safetensors'),
    levels: [
      { name: 'C3', shape: [16, 16, 512], dtype: 'float16', stride: 8 },
      { name: 'C4', shape: [8, 8, 1024], dtype: 'float16', stride: 16 },
    ],
    timings: { preprocess: expect.any(Number), run: expect.any(Number), pack: expect.any(Number) },
  });
  for (const milliseconds of Object.values(line['timings'] as object))
    expect(String(milliseconds)).toMatch(/^\d+(\.\d)?$/);
  expect(line['id']).toMatch(/^[0-9a-f]{64}$/);
  expect((await readdir(join(out, 'st'))).sort()).toEqual(['astronaut.safetensors', 'tiny.safetensors']);
  const { header, data } = parseSafetensors(await readFile(join(out, 'st/astronaut.safetensors')));
  expect(header['C4']!.shape).toEqual([8, 8, 1024]);
  expect(data.length).toBe((16 * 16 * 512 + 8 * 8 * 1024) * 2);
});

test.each(['zarr', 'safetensors'])('extract --dtype uint8 tells what the integers stand for, as %s', async (format) => {
  const folder = join(out, `uint8-${format}`);
  const flags = ['--model', 'mask-rcnn-resnet18', '--size', '64', '--levels', 'C3', '--dtype', 'uint8', '--json'];
  const { stdout } = await cairn('extract', image('tiny.png'), ...flags, '--format', format, '--out', folder);
  const { levels, path } = JSON.parse(stdout) as { levels: Record<string, unknown>[]; path: string };
  const quantization = { scale: expect.any(Number), zeroPoint: expect.any(Number) };
  expect(levels).toEqual([{ name: 'C3', shape: [8, 8, 128], dtype: 'uint8', stride: 8, quantization }]);
  const file = await readFile(path);
  if (format === 'zarr') {
    const { attributes } = (await readZarrArray(await unzip(file), 'C3')).metadata;
    expect(attributes['scale_factor']).toBe((levels[0]!['quantization'] as { scale: number }).scale);
  } else {
    const { header, data } = parseSafetensors(file);
    expect([header['C3']!.dtype, data.length]).toEqual(['U8', 8 * 8 * 128]);
    const metadata = header['__metadata__'] as unknown as Record<string, string>;
    expect(JSON.parse(metadata['quantization']!)).toEqual({ C3: levels[0]!['quantization'] });
  }
});

test('a bad image fails alone: the others are written, the status is 1', async () => {
  const names = ['truncated.jpg', 'landscape.jpg', 'missing.jpg'].map(image);
  const { status, stdout } = await cairn('extract', ...names, '--size', '64', '--out', join(out, 'mixed'), '--json');
  expect(status).toBe(1);
  const lines = stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as { image: string; error?: { code: string } });
  const codes = Object.fromEntries(lines.map((line) => [line.image, line.error?.code ?? 'written']));
  expect(codes).toEqual({ [names[0]!]: 'image-corrupt', [names[1]!]: 'written', [names[2]!]: 'image-missing' });
  expect(await readdir(join(out, 'mixed'))).toEqual(['landscape.zarr.zip']);
});

test.each([
  ['level-absent', ['--levels', 'C5', '--stage5', 'false']],
  ['level-absent', ['--levels', 'C5', '--no-stage5']],
  ['model-unknown', ['--model', 'resnet']],
  ['engine-unavailable', ['--engine', 'abacus']],
  ['device-unavailable', ['--device', 'cuda']],
  ['option-invalid', ['--threads', '0']],
  ['weights-unreadable', ['--weights', 'nothing.h5']],
  ['option-invalid', ['--weights', 'seeded:x']],
  ['weights-missing', ['--weights', weights('keras2.h5')]],
  ['weights-unreadable', ['--weights', weights('truncated.h5')]],
])('extract ends with %s and nothing is written', async (code, args) => {
  const flags = ['--size', '64', '--out', join(out, 'bad'), ...args];
  const { status, stdout, stderr } = await cairn('extract', image('tiny.png'), ...flags);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toContain(`[${code}]`);
  expect(await readdir(join(out, 'bad')).catch(() => [])).toEqual([]);
});

test('images that are not there are reported before a network is compiled, for which there may be no image', async () => {
  // A model that fails to load shows that it was not loaded.
  const args = ['extract', 'no-*.jpg', 'nothing.png', '--weights', weights('truncated.h5')];
  const plain = await cairn(...args);
  expect(plain).toMatchObject({ status: 1, stdout: '' });
  expect(plain.stderr.trim().split('\n')).toEqual([
    'cairn: no-*.jpg: no-*.jpg cannot be read. [image-missing]',
    'cairn: nothing.png: nothing.png cannot be read. [image-missing]',
  ]);
  const json = await cairn(...args, '--json');
  expect(json.status).toBe(1);
  const lines = json.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as object);
  expect(lines).toEqual(
    ['no-*.jpg', 'nothing.png'].map((name) => {
      return { image: name, error: { code: 'image-missing', message: `${name} cannot be read.` } };
    }),
  );
});

test('two images of one name are refused before any work', async () => {
  const copy = join(out, 'tiny.jpg');
  await writeFile(copy, await readFile(image('astronaut.jpg')));
  const { status, stderr } = await cairn('extract', copy, image('tiny.png'), '--out', join(out, 'same'));
  expect(status).toBe(1);
  expect(stderr).toContain('[output-conflict]');
});

test('describe tells what Keras tells', async () => {
  const { stdout } = await cairn('describe', 'mask-rcnn-resnet50', '--format', 'json');
  const description = JSON.parse(stdout) as Record<string, unknown>;
  expect(description['parameters']).toEqual({ total: 23_587_712, trainable: 23_534_592, nonTrainable: 53_120 });
  for (const flags of [['--stage5', 'false'], ['--no-stage5']]) {
    const table = await cairn('describe', 'mask-rcnn-resnet101', ...flags);
    expect(table.stdout).toMatch(/res4w_out +relu +64×64×1024/);
    expect(table.stdout).not.toMatch(/C5/);
  }
});

test('models lists the catalogue: levels, and where weights come from', async () => {
  const { status, stdout } = await cairn('models');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^mask-rcnn-resnet101 +C1–C5 P2–P6 +pull …-coco$/m);
  expect(stdout).toMatch(/^keras-v2-resnet50v2 +C1–C5 +pull …-imagenet$/m);
  expect(stdout).toMatch(/^mask-rcnn-resnet50 +C1–C5 P2–P6 +–$/m);
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  const models = JSON.parse((await cairn('models', '--json')).stdout) as { name: string }[];
  expect(models).toHaveLength(34);
  expect(models.find(({ name }) => name === 'mask-rcnn-resnet101')).toEqual({
    name: 'mask-rcnn-resnet101',
    family: 'mask-rcnn',
    architecture: 'resnet101',
    levels: ['C1', 'C2', 'C3', 'C4', 'C5', 'P2', 'P3', 'P4', 'P5', 'P6'],
    weights: 'seeded',
    published: ['mask-rcnn-resnet101-coco'],
  });
});

test('bench reports burn-in, the first step and the result', async () => {
  const args = ['--model', 'mask-rcnn-resnet18', '--size', '64', '--steps', '2', '--burn-in', '1'];
  const { status, stdout } = await cairn('bench', ...args);
  expect(status).toBe(0);
  expect(stdout).toMatch(/Burn-in step 1 of 1/);
  expect(stdout).toMatch(/Forward across 2 steps, [\d.]+ ± [\d.]+ s\/batch; [\d.]+ images\/s\n$/);
});

test('weights inspect names what is missing and what is not used', async () => {
  const { status, stdout } = await cairn(
    'weights',
    'inspect',
    weights('keras2.h5'),
    '--model',
    'mask-rcnn-resnet50',
    '--json',
  );
  const report = JSON.parse(stdout) as {
    format: string;
    models: { fits: boolean; missing: object[]; misshaped: object[] }[];
  };
  expect([status, report.format, report.models[0]!.fits]).toEqual([1, 'keras-hdf5', false]);
  expect(report.models[0]!.misshaped).toContainEqual(
    expect.objectContaining({ layer: 'conv1', parameter: 'kernel', shape: [7, 7, 3, 64], found: [1, 1, 3, 2] }),
  );
  const seeded = await cairn('weights', 'inspect', 'seeded:3', '--model', 'mask-rcnn-resnet50');
  expect([seeded.status, seeded.stdout]).toEqual([0, expect.stringMatching(/fits, digest [0-9a-f]{64}/)]);
});

test('a wrong call is told apart from a failed one', async () => {
  expect((await cairn('extract')).status).toBe(2);
  expect((await cairn('extract', 'x.jpg', '--format', 'npz')).status).toBe(2);
  expect((await cairn('nonsense')).status).toBe(2);
  expect((await cairn('serve', '--role', 'worker')).status).toBe(2);
  expect((await cairn('--help')).status).toBe(0);
});

test('serve and worker end with a failure when they cannot start, whatever they have opened', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = taken.address() as AddressInfo;
    // Redis is away as well: a connection that waits for it must not keep the process.
    const serve = await cairn('serve', '--port', String(port));
    expect(serve).toMatchObject({ status: 1, stderr: expect.stringContaining('EADDRINUSE') });
    expect(serve.stderr).toContain('serving the API only');
  } finally {
    taken.close();
  }
  expect(await cairn('serve', '--port', 'http')).toMatchObject({ status: 1, stderr: expect.stringContaining('PORT') });
});

test('help of serve and worker names their defaults and Redis', async () => {
  const { stdout } = await cairn('serve', '--help');
  for (const text of ['127.0.0.1', '8080', 'REDIS_URL', '`cairn worker`']) expect(stdout).toContain(text);
  expect((await cairn('worker', '--help')).stdout).toContain('REDIS_URL');
});
