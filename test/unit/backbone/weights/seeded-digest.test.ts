import { describe, expect, test } from '@jest/globals';
import { findModel, graphFor, listModels } from '../../../../src/backbone/catalogue.js';
import { seededDigest } from '../../../../src/backbone/weights/seeded-digest.js';
import { digestWeights, loadWeights } from '../../../../src/backbone/weights/weights.js';

/** Small ones, which are drawn quickly, of three families. */
const SMALL = listModels()
  .filter(({ architecture }) => architecture === 'resnet18')
  .slice(0, 3);

describe('the table of digests of seeded weights', () => {
  test('has all models', () => {
    for (const { name } of listModels())
      expect([name, seededDigest(name, true, false)]).toEqual([name, expect.any(String)]);
  });

  const variants = SMALL.flatMap(({ name }) => [
    [name, true, false] as const,
    [name, false, false] as const,
    [name, true, true] as const,
  ]);
  test.each(variants)('%s (stage 5: %s, pyramid: %s) is what drawing them gives', async (name, stage5, pyramid) => {
    const graph = graphFor(findModel(name), stage5, pyramid ? ['P2'] : []);
    const { digest } = await loadWeights('seeded', graph);
    expect(seededDigest(name, stage5, pyramid)).toBe(digest);
    expect(await digestWeights('seeded', graph)).toBe(digest);
  });

  test('lacks models that do not exist', () => {
    expect(seededDigest('toString', true, false)).toBeUndefined();
  });
});
