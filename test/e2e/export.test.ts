import { expect, test } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli } from './support/run-cli.js';
import { useTempDirs } from '../support/temp-dir.js';

const tempDir = useTempDirs();
const MODEL = 'mask-rcnn-resnet18';
const SPEC = [MODEL, '--levels', 'C3,C2', '--size', '64', '--weights', 'seeded'];

test('export writes an ONNX file anew, and names what is in it', async () => {
  const cwd = await tempDir();
  const args = ['export', ...SPEC, '--out', 'new/net.onnx'];
  const { status, stdout, stderr } = await runCli(args, { cwd });
  expect([status, stderr]).toEqual([0, expect.stringContaining('seeded weights')]);
  expect(stdout).toMatch(/^C2, C3 of mask-rcnn-resnet18 written to new\/net\.onnx \(\d\.\d MB\)\n$/);
  const file = await readFile(join(cwd, 'new/net.onnx'));
  const again = await runCli([...args, '--json', '--dtype', 'float16'], { cwd });
  expect(JSON.parse(again.stdout)).toMatchObject({
    file: 'new/net.onnx',
    levels: ['C2', 'C3'],
    dtype: 'float16',
    size: 64,
    weights: 'seeded',
    weightsDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(file.equals(await readFile(join(cwd, 'new/net.onnx')))).toBe(false);
  expect(await readdir(join(cwd, 'new'))).toEqual(['net.onnx']);
});

test('export writes a folder for TensorFlow.js', async () => {
  const cwd = await tempDir();
  const { status, stdout } = await runCli(['export', ...SPEC, '--format', 'tfjs', '--out', 'web', '--json'], { cwd });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ file: 'web/model.json', layout: 'nhwc' });
  expect((await readdir(join(cwd, 'web'))).sort()).toEqual([
    'model.json',
    expect.stringMatching(/^weights-[0-9a-f]{8}-1of1\.bin$/),
  ]);
});

test.each([
  [['no-such-model'], 'model-unknown', 1],
  [[MODEL, '--precision', 'int8', '--weights', 'seeded:9'], 'calibration-missing', 1],
  [[MODEL, '--format', 'tfjs', '--dtype', 'uint8', '--weights', 'seeded'], 'option-invalid', 1],
  [[MODEL, '--format', 'keras'], "'keras' is invalid", 2],
])('export refuses %j', async (args, problem, expected) => {
  const cwd = await tempDir();
  const { status, stderr } = await runCli(['export', ...args, '--out', 'x'], { cwd });
  expect([status, stderr]).toEqual([expected, expect.stringContaining(problem)]);
  expect(await readdir(cwd)).toEqual([]);
});
