import { beforeAll, describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli, type CliResult } from './support/run-cli.js';
import { findModel, modelGraph } from '../../src/backbone/catalogue.js';
import { fpnGraph } from '../../src/backbone/graph/fpn-graph.js';
import { sizeOf } from '../../src/backbone/graph/summary.js';
import { matchWeights } from '../../src/backbone/weights/match-weights.js';
import { fixturePath } from '../support/fixtures.js';
import { safetensorsBytes, type Tensors } from '../support/safetensors-bytes.js';
import { useTempDirs } from '../support/temp-dir.js';

const tempDir = useTempDirs();

function inspect(...args: string[]): Promise<CliResult> {
  const env = { PATH: process.env['PATH'] };
  return runCli(['weights', 'inspect', ...args], { env });
}

interface Report {
  readonly format: string;
  readonly recommended?: string;
  readonly models: readonly {
    readonly model: string;
    readonly stage5: boolean;
    readonly fits: boolean;
    readonly digest?: string;
    readonly share: number;
    readonly problem?: { code: string; message: string };
    readonly missing: readonly { path: string }[];
    readonly pyramid: readonly string[];
    readonly pyramidNorm?: string;
    readonly unusedLayers: readonly string[];
  }[];
}

/** A ResNet-18 of torchvision's names without stage 5, in float16: 5 MB of zeros. */
const tensors: Record<string, Tensors[string]> = {};
beforeAll(() => {
  const { missing } = matchWeights(modelGraph(findModel('torchvision-resnet18'), false), []);
  for (const { path, expected } of missing) {
    tensors[path] = { shape: expected, data: new Uint16Array(sizeOf(expected)) };
  }
});

async function report(changed: Record<string, Tensors[string] | undefined>, ...args: string[]) {
  const kept = Object.entries({ ...tensors, ...changed }).filter(([, tensor]) => tensor !== undefined);
  const path = join(await tempDir(), 'weights.bin');
  await writeFile(path, safetensorsBytes(Object.fromEntries(kept) as Tensors));
  const { status, stdout } = await inspect(path, '--json', ...args);
  return { status, ...(JSON.parse(stdout) as Report) };
}

const half = (...bits: number[]) => ({ shape: [bits.length], data: Uint16Array.from(bits) });

describe('weights inspect', () => {
  test('tells family and architecture of a file that it is told nothing about', async () => {
    const { status, format, models } = await report({ 'roi_heads.bias': half(1) });
    expect([status, format, models.length]).toEqual([0, 'safetensors', 1]);
    expect(models[0]).toMatchObject({
      model: 'torchvision-resnet18',
      family: 'torchvision',
      architecture: 'resnet18',
      stage5: false,
      fits: true,
      share: 1,
      pyramid: [],
      unusedLayers: ['roi_heads'],
    });
    expect(models[0]!.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('shows the nearest of those that a file does not fit, and what they miss', async () => {
    const { status, models } = await report({ 'layer1.0.conv1.weight': undefined, 'bn1.bias': undefined });
    expect(status).toBe(0);
    expect(models.length).toBeLessThanOrEqual(3);
    expect(models.map(({ fits }) => fits)).not.toContain(true);
    const shares = models.map(({ share }) => share);
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(models[0]!.model).toBe('torchvision-resnet18');
    expect(models[0]!.missing.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['bn1.bias', 'layer1.0.conv1.weight']),
    );
  });

  test('names the tensors that are not finite', async () => {
    const { models } = await report({ 'bn1.bias': half(...Array<number>(64).fill(0x7e00)) });
    expect(models[0]).toMatchObject({
      fits: true,
      problem: { code: 'weights-not-finite', message: expect.stringContaining('in 1 tensor of 1 layer: bn1.bias') },
    });
    expect(models[0]!.digest).toBeUndefined();
  });

  test('a model that is named and does not fit is a failure', async () => {
    const { status, models } = await report({}, '--model', 'detectron2-resnet50');
    expect([status, models[0]!.fits]).toEqual([1, false]);
    expect((await report({}, '--model', 'torchvision-resnet18', '--stage5', 'true')).status).toBe(1);
  });

  test('a file of names that no model has shows its names', async () => {
    const { status, stdout } = await inspect(fixturePath('weights/slim.npz'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/No model has tensors of these names:\n.*\n.*resnet_v2_50\/conv1\/biases \[2\] <f4/);
  });

  /** A ResNet-50 with its pyramid as torchvision's detectors have it. */
  async function detector(changed: (path: string) => string | undefined, like = 'torchvision-detection-resnet50') {
    const { missing } = matchWeights(fpnGraph(modelGraph(findModel(like), true)), []);
    const kept: Record<string, Tensors[string]> = { 'roi_heads.bias': half(1) };
    for (const { path, expected } of missing) {
      const name = changed(path);
      if (name !== undefined) kept[name] = { shape: expected, data: new Uint16Array(sizeOf(expected)) };
    }
    const path = join(await tempDir(), 'detector.bin');
    await writeFile(path, safetensorsBytes(kept));
    return path;
  }

  test('a feature pyramid is found, named as used, and points to the model of the first detection weights', async () => {
    const path = await detector((name) => name);
    const { models } = JSON.parse((await inspect(path, '--json')).stdout) as Report;
    const whole = models.slice(0, 2);
    expect(whole.map(({ model, pyramid, unusedLayers }) => [model, pyramid, unusedLayers])).toEqual(
      ['torchvision-detection-resnet50', 'torchvision-resnet50'].map((model) => {
        return [model, ['P2', 'P3', 'P4', 'P5', 'P6'], ['roi_heads']];
      }),
    );
    // Its pyramid would have norms.
    expect(models[2]).toMatchObject({ model: 'torchvision-detection-v2-resnet50', fits: true, pyramid: [] });
    const { stdout } = await inspect(path);
    expect(stdout).toMatch(
      /feature pyramid: yes, of fpn\.inner_blocks\.3 … fpn\.layer_blocks\.3; `extract` and the server compute P2–P6 from/,
    );
    expect(stdout).not.toMatch(/^ {4}.*fpn/m);
    expect(stdout).toMatch(
      /Use --model torchvision-detection-resnet50: .*epsilon 0, torchvision-resnet50 has 0\.00001/,
    );
  });

  test('a pyramid with norms points to the model that has them', async () => {
    const path = await detector((name) => name, 'torchvision-detection-v2-resnet50');
    const { recommended, models } = JSON.parse((await inspect(path, '--json')).stdout) as Report;
    expect(recommended).toBe('torchvision-detection-v2-resnet50');
    expect(models[0]).toMatchObject({
      model: recommended,
      pyramid: ['P2', 'P3', 'P4', 'P5', 'P6'],
      pyramidNorm: 'batch',
    });
    expect(models.slice(1).map(({ pyramid }) => pyramid)).toEqual([[], []]);
    const { stdout } = await inspect(path);
    expect(stdout).toMatch(/feature pyramid: yes, of fpn\.inner_blocks\.3 … fpn\.layer_blocks\.3 with batch norms;/);
    expect(stdout).toMatch(/Use --model torchvision-detection-v2-resnet50: it has the pyramid of the file/);
  });

  test.each(['detectron2-bn', 'detectron2-gn'])('%s is told from its like by its norms', async (family) => {
    const path = await detector((name) => name, `${family}-resnet50`);
    const { recommended } = JSON.parse((await inspect(path, '--json')).stdout) as Report;
    expect(recommended).toBe(`${family}-resnet50`);
  });

  test('a pyramid with other norms is not supported, and comes with the newer weights, which have an epsilon', async () => {
    const path = await detector((name) => (/fpn.*bias$/.test(name) ? name.replace('.bias', '.norm') : name));
    const { models } = JSON.parse((await inspect(path, '--json')).stdout) as Report;
    expect(models.map(({ model, pyramid }) => [model, pyramid])).toEqual([
      ['torchvision-detection-v2-resnet50', []],
      ['torchvision-resnet50', []],
      ['torchvision-detection-resnet50', []],
    ]);
    const { stdout } = await inspect(path);
    expect(stdout).toMatch(/feature pyramid: not supported \(8 of its 40 parameters match\).*C levels/);
    expect(stdout).toMatch(
      /Use --model torchvision-detection-v2-resnet50: .*epsilon 0.00001, torchvision-detection-resnet50 has 0/,
    );
  });

  test('a file that is not read says what to do', async () => {
    const { status, stdout, stderr } = await inspect(fixturePath('weights/slim.ckpt.index'));
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/np\.savez.*\[weights-unreadable\]/s);
    expect((await inspect(fixturePath('weights/truncated.h5'))).stderr).not.toContain('HDF5-DIAG');
  });

  test('a checkpoint says where in it the tensors are', async () => {
    const { stdout } = await inspect(fixturePath('weights/torch-checkpoint.pth'));
    expect(stdout).toMatch(/torch-checkpoint\.pth: torch, 8 tensors in model_ema\n/);
  });

  test('names of tensors stay text on a terminal', async () => {
    const path = join(await tempDir(), 'weights.bin');
    await writeFile(path, safetensorsBytes({ '\x1b[2J\x1b]0;title\x07.weight': half(1) }));
    const { stdout } = await inspect(path);
    expect(stdout).toContain('\\u001b[2J\\u001b]0;title\\u0007');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });
});
