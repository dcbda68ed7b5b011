import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Backbone } from '../../src/backbone/backbone.js';
import { specFor } from '../support/specs.js';
import { preprocess } from '../../src/backbone/preprocess/preprocess.js';
import type { Level } from '../../src/backbone/tensor.js';
import { imageBytes, readGolden } from '../support/fixtures.js';
import { levelOf, meanAndDeviation, numbersOf } from '../support/tensors.js';

interface Golden {
  readonly model: string;
  readonly seed: number;
  readonly size: number;
  readonly image: string;
  readonly levels: Readonly<
    Record<
      string,
      {
        readonly shape: number[];
        readonly maxAbs: number;
        readonly mean: number;
        readonly std: number;
        /** `[y, x, channel, value]`; half of them on the border. */
        readonly samples: [number, number, number, number][];
      }
    >
  >;
}

/** Of the largest value of a level: two frameworks add up thousands of products in different orders. */
const TOLERANCE = 1e-3;

const LEVELS = ['C1', 'C2', 'C3', 'C4', 'C5'];

describe.each(['mask-rcnn-resnet50', 'mask-rcnn-resnet101'])('%s with seeded weights', (model) => {
  const golden = readGolden(`pyramid-${model}.json`) as Golden;
  const backbone = new Backbone({ maxSessions: 1 });
  afterAll(() => backbone.close());

  const run = async (seed: number) => {
    const canvas = await preprocess(imageBytes(golden.image), golden.size);
    const options = { model, levels: LEVELS.join(), dtype: 'float32', size: String(golden.size) };
    return (await backbone.run({ ...specFor(options), weights: `seeded:${seed}` }, canvas)).levels;
  };
  const expectUsefulDeviations = (levels: readonly Level[]) => {
    expect(levels.map((level) => level.name)).toEqual(LEVELS);
    for (const { tensor } of levels) {
      const { deviation } = meanAndDeviation(numbersOf(tensor));
      expect(deviation).toBeGreaterThan(0.1);
      expect(deviation).toBeLessThan(10);
    }
  };

  describe(`on ${golden.image}, seed ${golden.seed}`, () => {
    let levels: Level[];
    beforeAll(async () => {
      levels = await run(golden.seed);
    });

    test.each(LEVELS)('%s is what Keras computes', (name) => {
      const expected = golden.levels[name]!;
      const { tensor } = levelOf(levels, name);
      expect(tensor.shape).toEqual(expected.shape);
      const values = numbersOf(tensor);
      const [, width, channels] = expected.shape as [number, number, number];
      const wrong = expected.samples.filter(([y, x, channel, value]) => {
        const found = values[(y * width + x) * channels + channel]!;
        return !(Math.abs(found - value) <= TOLERANCE * expected.maxAbs);
      });
      expect(wrong).toEqual([]);
      expect(expected.samples.length).toBeGreaterThanOrEqual(40);

      const { mean, deviation } = meanAndDeviation(values);
      expect(Math.abs(mean - expected.mean)).toBeLessThanOrEqual(TOLERANCE);
      expect(Math.abs(deviation - expected.std)).toBeLessThanOrEqual(TOLERANCE);
      // Levels follow a ReLU, so the largest value is the largest of all.
      const largest = values.reduce((most, value) => (value > most ? value : most), 0);
      expect(Math.abs(largest - expected.maxAbs)).toBeLessThanOrEqual(TOLERANCE * expected.maxAbs);
    });

    test('keeps the standard deviation of every level between 0.1 and 10', () => {
      expectUsefulDeviations(levels);
    });
  });

  test.each([1, 2])('seed %i keeps the standard deviation of every level between 0.1 and 10', async (seed) => {
    expectUsefulDeviations(await run(seed));
  });
});
