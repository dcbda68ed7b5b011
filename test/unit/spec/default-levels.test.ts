import { expect, test } from '@jest/globals';
import { parseSpec } from '../../../src/spec/feature-spec.js';
import { withLevels } from '../../../src/spec/default-levels.js';
import type { SpecOptions } from '../../support/specs.js';
import { zeroWeights } from '../../support/zero-weights.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const BACKBONE = ['C2', 'C3', 'C4', 'C5'];
const PYRAMID = ['P2', 'P3', 'P4', 'P5', 'P6'];

async function levelsOf(options: SpecOptions, weights: string): Promise<readonly string[]> {
  return (await withLevels(parseSpec({ size: '64', ...options }), weights)).levels;
}

test('where nothing is asked, a file with a pyramid gives the pyramid, one without the backbone’s levels', async () => {
  const model = 'mask-rcnn-resnet18';
  const file = await zeroWeights(await tempDir(), model, PYRAMID);
  expect(await levelsOf({ model }, file)).toEqual(PYRAMID);
  expect(await levelsOf({ model, levels: 'C4,P3' }, file)).toEqual(['C4', 'P3']);
  expect(await levelsOf({ model, stage5: 'false' }, file)).toEqual(['C2', 'C3', 'C4']);
  expect(await levelsOf({ model }, await zeroWeights(await tempDir(), model, BACKBONE))).toEqual(BACKBONE);
  expect(await levelsOf({ model }, 'seeded')).toEqual(BACKBONE);
});

test('a pyramid that has no P2 at the size is not what nothing means', async () => {
  const model = 'basic-small-stem-resnet18';
  expect(await levelsOf({ model }, await zeroWeights(await tempDir(), model, ['P4']))).toEqual(BACKBONE);
});

test('strides that do not double allow no pyramid', async () => {
  const model = 'keras-v2-resnet50v2';
  expect(await levelsOf({ model }, await zeroWeights(await tempDir(), model, BACKBONE))).toEqual(BACKBONE);
});
