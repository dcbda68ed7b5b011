import { expect, test } from '@jest/globals';
import { nearestNames } from '../../src/nearest-names.js';

const NAMES = ['mask-rcnn-resnet50', 'mask-rcnn-resnet101', 'keras-resnet50'];

test.each([
  ['mask-rcnn-resnet5', ['mask-rcnn-resnet50', 'mask-rcnn-resnet101']],
  ['Mask_RCNN_resnet50', ['mask-rcnn-resnet50', 'mask-rcnn-resnet101']],
  ['resnet101', ['mask-rcnn-resnet101']],
  ['kerasresnet50', ['keras-resnet50']],
  ['vgg16', []],
])('%s may mean %j', (name, near) => {
  expect(nearestNames(name, NAMES)).toEqual(near);
});

test('a name of megabytes is like none, and is not compared', () => {
  const started = performance.now();
  expect(nearestNames('x'.repeat(5_000_000), NAMES)).toEqual([]);
  expect(performance.now() - started).toBeLessThan(1000);
});
