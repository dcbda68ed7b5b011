import { expect, test } from '@jest/globals';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSpec } from '../../../src/spec/feature-spec.js';
import { findModel, graphFor } from '../../../src/backbone/catalogue.js';
import { withLevels } from '../../../src/spec/default-levels.js';
import type { SpecOptions } from '../../support/specs.js';
import { withHeader } from '../../support/safetensors-bytes.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const BACKBONE = ['C2', 'C3', 'C4', 'C5'];
const PYRAMID = ['P2', 'P3', 'P4', 'P5', 'P6'];

/** A safetensors file of zeros with the parameters that a model needs for `levels`; a hole on the disk. */
async function fileFor(model: string, levels: readonly string[]): Promise<string> {
  const { nodes } = graphFor(findModel(model), true, levels);
  let end = 0;
  const header = nodes.flatMap(({ name, parameters }) =>
    Object.entries(parameters).map(([parameter, shape]) => {
      const begin = end;
      end += 4 * shape.reduce((a, b) => a * b, 1);
      return [`${name}/${parameter}`, { dtype: 'F32', shape, data_offsets: [begin, end] }] as const;
    }),
  );
  const path = join(await tempDir(), `${model}.safetensors`);
  const start = withHeader(JSON.stringify(Object.fromEntries(header)));
  const file = await open(path, 'w');
  try {
    await file.write(start);
    await file.truncate(start.length + end);
  } finally {
    await file.close();
  }
  return path;
}

async function levelsOf(options: SpecOptions, weights: string): Promise<readonly string[]> {
  return (await withLevels(parseSpec({ size: '64', ...options }), weights)).levels;
}

test('where nothing is asked, a file with a pyramid gives the pyramid, one without the backbone’s levels', async () => {
  const model = 'mask-rcnn-resnet18';
  const file = await fileFor(model, PYRAMID);
  expect(await levelsOf({ model }, file)).toEqual(PYRAMID);
  expect(await levelsOf({ model, levels: 'C4,P3' }, file)).toEqual(['C4', 'P3']);
  expect(await levelsOf({ model, stage5: 'false' }, file)).toEqual(['C2', 'C3', 'C4']);
  expect(await levelsOf({ model }, await fileFor(model, BACKBONE))).toEqual(BACKBONE);
  expect(await levelsOf({ model }, 'seeded')).toEqual(BACKBONE);
});

test('a pyramid that has no P2 at the size is not what nothing means', async () => {
  const model = 'basic-small-stem-resnet18';
  expect(await levelsOf({ model }, await fileFor(model, ['P4']))).toEqual(BACKBONE);
});

test('strides that do not double allow no pyramid', async () => {
  const model = 'keras-v2-resnet50v2';
  expect(await levelsOf({ model }, await fileFor(model, BACKBONE))).toEqual(BACKBONE);
});
