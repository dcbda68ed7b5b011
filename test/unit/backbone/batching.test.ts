import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Backbone, type SessionRequest } from '../../../src/backbone/backbone.js';
import { EngineThread, type ThreadedSession } from '../../../src/backbone/engine/engine-thread.js';
import { specFor } from '../../support/specs.js';
import type { Canvas } from '../../../src/backbone/preprocess/preprocess.js';
import { CairnError } from '../../../src/errors.js';
import { largestAbsolute, largestDifference, numbersOf, randomNumbers } from '../../support/tensors.js';

const SIZE = 64;
const request: SessionRequest = {
  ...specFor({ model: 'mask-rcnn-resnet18', size: String(SIZE), dtype: 'float32' }),
  weights: 'seeded',
};

/** Random pixels; the same for the same seed. */
function canvas(seed: number): Canvas {
  const random = randomNumbers(seed);
  const pixels = new Uint8Array(SIZE * SIZE * 3).map(() => Math.floor(random() * 256));
  return { pixels, size: SIZE, originalShape: [SIZE, SIZE, 3], window: [0, 0, SIZE, SIZE], scale: 1 };
}

/** Long enough for all that are asked for together, however slow the machine. */
const PATIENT = { maxBatch: 3, maxDelayMs: 60_000 };

type Run = ThreadedSession['run'];

afterEach(() => {
  jest.restoreAllMocks();
});

describe('Backbone', () => {
  test('canvases that are asked for together are one batch, whose levels are those of single runs', async () => {
    const sizes: number[] = [];
    const compile = Reflect.get<EngineThread, 'compile'>(EngineThread.prototype, 'compile');
    jest.spyOn(EngineThread.prototype, 'compile').mockImplementation(async function (this: EngineThread, options) {
      const session = await compile.call(this, options);
      const run: Run = (images, batch) => {
        sizes.push(batch);
        return session.run(images, batch);
      };
      return { ...session, run };
    });
    const backbone = new Backbone({ threads: 1, ...PATIENT });
    const single = new Backbone({ threads: 1 });
    try {
      const seeds = [1, 2, 3];
      const together = await Promise.all(seeds.map((seed) => backbone.run(request, canvas(seed))));
      expect(sizes).toEqual([3]);
      for (const [i, seed] of seeds.entries()) {
        const { levels, madeBy } = await single.run(request, canvas(seed));
        expect(together[i]!.madeBy).toEqual(madeBy);
        expect(together[i]!.levels.map(({ name, stride }) => [name, stride])).toEqual([
          ['C2', 4],
          ['C3', 8],
          ['C4', 16],
          ['C5', 32],
        ]);
        for (const [at, { tensor }] of levels.entries()) {
          const [alone, batched] = [tensor, together[i]!.levels[at]!.tensor];
          expect(batched.shape).toEqual(alone.shape);
          const scale = largestAbsolute(numbersOf(alone));
          expect(largestDifference(numbersOf(batched), numbersOf(alone))).toBeLessThan(1e-5 * scale);
        }
      }
      const [one, other] = together.map(({ levels }) => numbersOf(levels[0]!.tensor));
      expect(largestDifference(one!, other!)).toBeGreaterThan(0.1);
    } finally {
      await backbone.close();
      await single.close();
    }
  });

  test('a session that failed one canvas is disposed of when the others that wait for it are through', async () => {
    const happened: string[] = [];
    let calls = 0;
    jest.spyOn(EngineThread.prototype, 'compile').mockImplementation(({ engine, device, weights }) => {
      const run: Run = async (_, batch) => {
        happened.push(`run ${batch}`);
        await Promise.resolve();
        // The batch fails, and then the first of its canvases again.
        if (++calls <= 2) throw new CairnError('engine-failed', 'no memory');
        return Array.from({ length: batch }, () => []);
      };
      const dispose = () => Promise.resolve(void happened.push('dispose'));
      return Promise.resolve({ engine, device, weights: { source: weights, digest: 'd' }, run, dispose });
    });
    const backbone = new Backbone(PATIENT);
    const outcomes = await Promise.allSettled([1, 2, 3].map((seed) => backbone.run(request, canvas(seed))));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(happened).toEqual(['run 3', 'run 1', 'run 1', 'run 1', 'dispose']);
    await backbone.close();
  });

  test('a named device without a GPU is what sessions are compiled for, without a test run', async () => {
    const target = { engine: 'tensorflow', device: 'wasm' };
    expect(await new Backbone(target).target()).toEqual({ ...target, gpu: false, skipped: [] });
  });
});
