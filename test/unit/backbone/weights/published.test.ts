import { describe, expect, test } from '@jest/globals';
import { describeModel } from '../../../../src/backbone/describe-model.js';
import { findModel } from '../../../../src/backbone/catalogue.js';
import {
  findPublished,
  listPublished,
  publishedFor,
  publishedPath,
} from '../../../../src/backbone/weights/published.js';

describe('the published weights', () => {
  test.each(listPublished().map((entry) => [entry.name, entry] as const))('%s is told in full', (name, entry) => {
    expect(name).toMatch(new RegExp(`^${entry.model}-(coco|imagenet)(-notop)?$`));
    expect(new URL(entry.url)).toMatchObject({ protocol: 'https:', username: '', search: '' });
    expect(new URL(entry.source).protocol).toBe('https:');
    expect(entry.url).toMatch(/\.h5$/);
    expect(entry.md5).toMatch(/^[0-9a-f]{32}$/);
    expect(entry.bytes ?? 1).toBeGreaterThan(0);
    expect(entry.licence).not.toBe('');
    expect(entry.preprocessing).toMatch(/^(RGB|BGR), /);
    expect(entry.url.endsWith('_notop.h5')).toBe(name.endsWith('-notop'));
    if (name.endsWith('-notop')) expect(entry.includesTop).toBe(false);
  });

  test.each(['name', 'url', 'md5'] as const)('have each a %s of their own', (field) => {
    const values = listPublished().map((entry) => entry[field]);
    expect(new Set(values).size).toBe(values.length);
  });

  test.each(listPublished())('$name says what $model subtracts', ({ model, preprocessing }) => {
    const { channelOrder, mean, std } = findModel(model).normalization;
    const scaling = std[0] === 1 ? `mean ${mean.join(' ')}` : `x/${std[0]} − 1`;
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
    const pairs = listPublished().filter(({ includesTop, bytes }) => includesTop && bytes !== undefined);
    expect(pairs.length).toBeGreaterThan(0);
    for (const { name, bytes } of pairs) {
      const difference = bytes! - findPublished(`${name}-notop`).bytes!;
      expect(Math.abs(difference - classifier)).toBeLessThan(10_000);
    }
  });
});

test('findPublished lists the names when it knows none', () => {
  expect(findPublished('mask-rcnn-resnet101-coco').md5).toBe('e98aaff6f99e307b5e2a8a3ff741a518');
  const names = listPublished().map(({ name }) => name);
  expect(() => findPublished('resnet')).toThrow(
    expect.objectContaining({ code: 'weights-unknown', message: expect.stringContaining(names.join(', ')) }),
  );
});

test('publishedFor has the whole file first', () => {
  const names = publishedFor('keras-resnet50').map(({ name }) => name);
  expect(names).toEqual(['keras-resnet50-imagenet', 'keras-resnet50-imagenet-notop']);
  expect(publishedFor('net')).toEqual([]);
});

test('publishedPath is the name, whatever the publisher calls the file', () => {
  expect(publishedPath(findPublished('mask-rcnn-resnet101-coco'), 'w')).toBe('w/mask-rcnn-resnet101-coco.h5');
});
