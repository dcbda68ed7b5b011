import { afterAll, describe, expect, test } from '@jest/globals';
import { Backbone } from '../../../../src/backbone/backbone.js';
import { FAMILIES } from '../../../../src/backbone/graph/families.js';
import type { LevelName } from '../../../../src/backbone/graph/graph.js';
import { describeModel } from '../../../../src/backbone/describe-model.js';
import { listModels, type Model } from '../../../../src/backbone/catalogue.js';
import { meanAndDeviation, numbersOf, randomNumbers } from '../../../support/tensors.js';

/** The smallest size that every network accepts: the depth of the network matters, not the size of the canvas. */
const SIZE = 64;

/** The shallowest and the deepest network of each family. */
const MODELS = Object.keys(FAMILIES).flatMap((family) => {
  const models = listModels().filter((model) => model.family === family);
  return [...new Set([models[0]!, models.at(-1)!])];
});

describe('seeded weights keep every level between a deviation of 0.1 and 10, within float16', () => {
  // In a thread, as in service: within jest's realm millions of random numbers take minutes.
  const backbone = new Backbone({ engine: 'onnx', maxSessions: 1 });
  afterAll(() => backbone.close());
  const image = naturalImage();

  test.each(MODELS)('$name', async (model: Model) => {
    const { levels: backboneLevels, pyramid } = describeModel(model, true, SIZE);
    const names = [...backboneLevels, ...(pyramid?.levels ?? [])].map((level) => level.name as LevelName);
    const request = {
      model: model.name,
      stage5: true,
      levels: names,
      dtype: 'float16',
      precision: 'float32',
      size: SIZE,
      weights: 'seeded',
    } as const;
    const [levels] = await backbone.runBatch(request, image.slice(), 1);
    expect(levels!.map(({ name, clipped }) => [name, clipped])).toEqual(names.map((name) => [name, false]));
    for (const { tensor } of levels!) {
      const { deviation } = meanAndDeviation(numbersOf(tensor));
      expect(deviation).toBeGreaterThan(0.1);
      expect(deviation).toBeLessThan(10);
    }
  });
});

/** Noise that is like a photo in two things: the finer the weaker, and about 70 grey levels around its mean. */
function naturalImage(): Uint8Array<ArrayBuffer> {
  const random = randomNumbers(5);
  const values = new Float64Array(SIZE * SIZE * 3).fill(118);
  for (const [cell, amplitude] of [
    [64, 128],
    [32, 96],
    [16, 72],
    [8, 40],
    [4, 24],
    [2, 12],
    [1, 8],
  ] as const) {
    const side = SIZE / cell + 1;
    const grid = Float64Array.from({ length: side * side * 3 }, () => amplitude * (2 * random() - 1));
    values.forEach((_, i) => {
      const [channel, x, y] = [i % 3, Math.floor(i / 3) % SIZE, Math.floor(i / 3 / SIZE)];
      const at = (row: number, column: number) => grid[(row * side + column) * 3 + channel]!;
      const [row, column] = [Math.floor(y / cell), Math.floor(x / cell)];
      const [dy, dx] = [y / cell - row, x / cell - column];
      const above = at(row, column) * (1 - dx) + at(row, column + 1) * dx;
      const below = at(row + 1, column) * (1 - dx) + at(row + 1, column + 1) * dx;
      values[i]! += above * (1 - dy) + below * dy;
    });
  }
  return Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.round(value))));
}
