import { describe, expect, test } from '@jest/globals';
import { chooseLevels, findModel, listModels } from '../../../src/backbone/catalogue.js';
import { LEVEL_NAMES } from '../../../src/backbone/graph/graph.js';
import { estimateMemory } from '../../../src/backbone/memory.js';

const MODEL = 'mask-rcnn-resnet50';
const spec = { model: MODEL, stage5: true, levels: ['C2', 'C3', 'C4', 'C5'], dtype: 'float16', size: 1024 } as const;
const megabytes = (changed: Partial<Parameters<typeof estimateMemory>[0]> = {}) =>
  estimateMemory({ ...spec, ...changed }) / 2 ** 20;

describe('estimateMemory', () => {
  test('grows with the square of the size, beyond the process and its weights', () => {
    const fixed = megabytes({ size: 0 });
    expect(megabytes({ size: 2048 }) - fixed).toBeCloseTo(4 * (megabytes() - fixed), 0);
  });

  test('counts each level in float32 and in its own type', () => {
    // C2 at size 1024: 256 × 256 × 256 elements.
    const elements = 256 ** 3 / 2 ** 20;
    const without = megabytes({ levels: ['C3'] });
    expect(megabytes({ levels: ['C2', 'C3'] }) - without).toBeCloseTo(elements * 6, 6);
    expect(
      megabytes({ levels: ['C2', 'C3'], dtype: 'float32' }) - megabytes({ levels: ['C3'], dtype: 'float32' }),
    ).toBeCloseTo(elements * 8, 6);
  });

  test('is known for every model', () => {
    for (const { name } of listModels()) {
      const levels = chooseLevels(findModel(name), true);
      expect(megabytes({ model: name, levels })).toBeGreaterThan(200);
    }
    expect(megabytes({ levels: LEVEL_NAMES })).toBeGreaterThan(megabytes());
  });
});
