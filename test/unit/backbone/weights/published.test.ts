import { describe, expect, test } from '@jest/globals';
import { extname } from 'node:path';
import { describeModel } from '../../../../src/backbone/describe-model.js';
import { findModel } from '../../../../src/backbone/catalogue.js';
import {
  findPublished,
  listPublished,
  publishedFor,
  publishedPath,
} from '../../../../src/backbone/weights/published.js';

/** Where the publisher states less than a whole MD5. */
const DIGESTS: Readonly<Record<string, RegExp>> = {
  'download.pytorch.org': /^sha256:[0-9a-f]{8}$/,
  'dl.fbaipublicfiles.com': /^md5:[0-9a-f]{6}$/,
  'huggingface.co': /^stated by the hub$/,
};

describe('the published weights', () => {
  test.each(listPublished().map((entry) => [entry.name, entry] as const))('%s is told in full', (name, entry) => {
    const training = '(coco|imagenet|lvis|cityscapes)(-faster|-keypoint|-v1|-v2|-timm)?(-notop)?';
    expect(name).toMatch(new RegExp(`^${entry.model}-${training}$`));
    expect(new URL(entry.url)).toMatchObject({ protocol: 'https:', username: '', search: '' });
    expect(new URL(entry.source).protocol).toBe('https:');
    expect(['.h5', '.pth', '.pkl', '.safetensors']).toContain(extname(entry.url));
    expect(findModel(entry.model).name).toBe(entry.model);
    expect(entry.digest ?? 'stated by the hub').toMatch(DIGESTS[new URL(entry.url).host] ?? /^md5:[0-9a-f]{32}$/);
    expect(entry.bytes ?? 1).toBeGreaterThan(0);
    expect(entry.licence).not.toBe('');
    expect(entry.preprocessing).toMatch(/^(RGB|BGR), /);
    expect(entry.url.endsWith('_notop.h5')).toBe(name.endsWith('-notop'));
    if (name.endsWith('-notop')) expect(entry.includesTop).toBe(false);
  });

  test.each(['name', 'url', 'digest'] as const)('have each a %s of their own', (field) => {
    const values = listPublished().flatMap((entry) => entry[field] ?? []);
    expect(new Set(values).size).toBe(values.length);
  });

  test.each(listPublished())('$name says what $model subtracts', ({ model, preprocessing }) => {
    const { channelOrder, mean, std } = findModel(model).normalization;
    const unit = (values: readonly number[]) => values.map((value) => Number((value / 255).toFixed(6))).join(' ');
    const symmetric = `x/${std[0]} − 1`;
    const divided = mean[0] === std[0] ? symmetric : `x/255, mean ${unit(mean)}, std ${unit(std)}`;
    const scaling = std[0] === 1 ? `mean ${mean.join(' ')}` : divided;
    expect(preprocessing).toBe(`${channelOrder.toUpperCase()}, ${scaling}`);
  });

  const sized = listPublished().filter(({ bytes, name }) => bytes !== undefined && name.endsWith('-notop'));
  test.each(sized)('$name has the size of the parameters of $model', ({ model, bytes }) => {
    const parameters = 4 * describeModel(findModel(model), true, 224).parameters.total;
    expect(bytes).toBeGreaterThan(parameters);
    // HDF5 takes a kilobyte or two for each tensor.
    expect(bytes! / parameters).toBeLessThan(1.01);
  });

  test('differ in size with and without the classifier by its parameters', () => {
    // 2048 × 1000 weights and 1000 biases in float32, and some bytes of HDF5.
    const classifier = (2048 * 1000 + 1000) * 4;
    const whole = listPublished().filter(({ includesTop, bytes }) => includesTop && bytes !== undefined);
    const pairs = whole.filter(({ url }) => url.endsWith('.h5'));
    expect(pairs.length).toBeGreaterThan(0);
    for (const { name, bytes } of pairs) {
      const difference = bytes! - findPublished(`${name}-notop`).bytes!;
      expect(Math.abs(difference - classifier)).toBeLessThan(10_000);
    }
  });
});

test('findPublished lists the names when it knows none', () => {
  expect(findPublished('mask-rcnn-resnet101-coco').digest).toBe('md5:e98aaff6f99e307b5e2a8a3ff741a518');
  const names = listPublished().map(({ name }) => name);
  expect(() => findPublished('resnet')).toThrow(
    expect.objectContaining({ code: 'weights-unknown', message: expect.stringContaining(names.join(', ')) }),
  );
});

test('publishedFor has the whole file first', () => {
  const names = publishedFor('keras-resnet50').map(({ name }) => name);
  expect(names).toEqual(['keras-resnet50-imagenet', 'keras-resnet50-imagenet-notop']);
  expect(publishedFor('net')).toEqual([]);
  // The better weights of two come first, those of another publisher last.
  const versions = publishedFor('torchvision-resnet50').map(({ name }) => name.slice('torchvision-resnet50-'.length));
  expect(versions).toEqual(['imagenet-v2', 'imagenet-v1', 'imagenet-timm']);
});

test('publishedPath is the name, whatever the publisher calls the file', () => {
  expect(publishedPath(findPublished('mask-rcnn-resnet101-coco'), 'w')).toBe('w/mask-rcnn-resnet101-coco.h5');
  expect(publishedPath(findPublished('detectron2-resnet50-coco'), 'w')).toBe('w/detectron2-resnet50-coco.pkl');
  expect(publishedPath(findPublished('torchvision-resnet18-imagenet-v1'), 'w')).toMatch(/-v1\.pth$/);
});
