import { describe, expect, test } from '@jest/globals';
import { findModel, graphFor, listModels } from '../../../../src/backbone/catalogue.js';
import { seededDigest } from '../../../../src/backbone/weights/seeded-digest.js';
import { digestWeights, loadWeights } from '../../../../src/backbone/weights/weights.js';

describe('the table of digests of seeded weights', () => {
  test('has all models', () => {
    for (const { name } of listModels()) {
      expect([name, seededDigest(name, true, false)]).toEqual([name, expect.any(String)]);
    }
  });

  // Small ones of three families: drawing them takes seconds here.
  test.each([
    ['mask-rcnn-resnet18', false, false],
    ['keras-resnet18', false, false],
    ['torchvision-resnet18', true, true],
  ] as const)('%s (stage 5: %s, pyramid: %s) is what drawing them gives', async (name, stage5, pyramid) => {
    const graph = graphFor(findModel(name), stage5, pyramid ? ['P2'] : []);
    expect(seededDigest(name, stage5, pyramid)).toBe(await digestWeights('seeded', graph));
  });

  test('lacks models that do not exist', () => {
    expect(seededDigest('toString', true, false)).toBeUndefined();
  });
});

test('a digest without the weights is that of the weights', async () => {
  const graph = graphFor(findModel('basic-small-stem-resnet18'), false, []);
  expect(await digestWeights('seeded', graph)).toBe((await loadWeights('seeded', graph)).digest);
});
