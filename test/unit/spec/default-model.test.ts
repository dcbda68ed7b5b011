import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_MODEL, findModel } from '../../../src/backbone/catalogue.js';
import { publishedFor } from '../../../src/backbone/weights/published.js';
import {
  chooseDefaultModel,
  defaultModel,
  RECOMMENDED_MODEL,
  useDefaultModel,
} from '../../../src/spec/default-model.js';
import { parseSpec } from '../../../src/spec/feature-spec.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
afterEach(() => useDefaultModel(DEFAULT_MODEL));

describe('chooseDefaultModel', () => {
  test('takes the configured model, whatever weights there are', async () => {
    const folder = await tempDir();
    await writeFile(join(folder, 'keras-resnet50.h5'), '');
    expect(await chooseDefaultModel('slim-v2-resnet50v2', folder)).toBe('slim-v2-resnet50v2');
    await expect(chooseDefaultModel('resnet', folder)).rejects.toMatchObject({ code: 'model-unknown' });
  });

  test('takes the best model that has weights, detectors before classifiers', async () => {
    const folder = join(await tempDir(), 'weights');
    expect(await chooseDefaultModel(undefined, folder)).toBe(DEFAULT_MODEL);
    await mkdir(folder);
    const files = [
      ['torchvision-resnet18.pth', 'torchvision-resnet18'],
      ['keras-resnet50-imagenet.h5', 'keras-resnet50'],
      ['mask-rcnn-resnet101-coco.h5', 'mask-rcnn-resnet101'],
      ['detectron2-resnet50.pkl', 'detectron2-resnet50'],
      ['torchvision-detection-v2-resnet50-coco-faster.pth', 'torchvision-detection-v2-resnet50'],
    ] as const;
    for (const [file, model] of files) {
      await writeFile(join(folder, file), '');
      expect(await chooseDefaultModel(undefined, folder)).toBe(model);
    }
  });
});

test('requests that name no model get the one in use', () => {
  expect(parseSpec({}).model).toBe(DEFAULT_MODEL);
  useDefaultModel('keras-resnet50');
  expect([defaultModel(), parseSpec({}).model]).toEqual(['keras-resnet50', 'keras-resnet50']);
  expect(parseSpec({ model: 'keras-resnet18' }).model).toBe('keras-resnet18');
  expect(() => useDefaultModel('net')).toThrow(expect.objectContaining({ code: 'model-unknown' }));
});

test('the recommended model is one to pull', () => {
  expect(findModel(RECOMMENDED_MODEL).name).toBe(RECOMMENDED_MODEL);
  expect(publishedFor(RECOMMENDED_MODEL)).not.toEqual([]);
});
