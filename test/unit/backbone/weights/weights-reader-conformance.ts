import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sizeOf } from '../../../../src/backbone/graph/summary.js';
import type { WeightsEntry, WeightsReader } from '../../../../src/backbone/weights/weights-reader.js';
import { fixtureIn, KERAS } from '../../../support/fixture-weights.js';

export interface ReaderCase {
  readonly name: string;
  readonly format: WeightsReader['format'];
  /** Opens weights for the graph of test/fixtures/weights. */
  readonly open: () => Promise<WeightsReader>;
  /** By path, in the file's layout; the values are undefined where they are drawn. */
  readonly tensors?: Readonly<Record<string, { readonly shape: number[]; readonly values?: readonly number[] }>>;
  /** Paths of what the file has beside them. */
  readonly others?: readonly string[];
}

/** The contract of every reader of the weights module, whatever the file format. */
export function testWeightsReader({ name, format, open, tensors = fixtureIn(KERAS), others = [] }: ReaderCase): void {
  describe(`WeightsReader over ${name}`, () => {
    let weights: WeightsReader;
    beforeAll(async () => {
      weights = await open();
    });
    afterAll(() => weights.close());
    const parameters = (reader: WeightsReader): WeightsEntry[] =>
      reader.entries().filter(({ path }) => !others.includes(path));

    test(`says that its format is ${format}`, () => {
      expect(weights.format).toBe(format);
    });

    test('declares each tensor once, with path, shape and type', () => {
      const declared = parameters(weights).map(({ path, shape }) => [path, [...shape]] as const);
      const expected = Object.entries(tensors).map(([path, { shape }]) => [path, shape] as const);
      expect(declared.toSorted()).toEqual(expected.toSorted());
      expect(weights.entries()).toHaveLength(expected.length + others.length);
      for (const { dtype } of weights.entries()) expect(dtype).not.toBe('');
    });

    test('reads as many float32 values as the shape has', async () => {
      for (const entry of parameters(weights)) {
        const read = await weights.read(entry);
        expect(Object.prototype.toString.call(read)).toBe('[object Float32Array]');
        expect(read).toHaveLength(sizeOf(entry.shape));
      }
    });

    test('reads the values in C order', async () => {
      for (const entry of parameters(weights)) {
        const read = [...(await weights.read(entry))];
        const { values } = tensors[entry.path]!;
        if (values) expect(read).toEqual(values);
        else expect(new Set(read).size).toBe(read.length);
      }
    });

    test('reads the same in any order, twice, and at the same time; closing one reader leaves another', async () => {
      const second = await open();
      const forwards = await Promise.all(parameters(weights).map(async (entry) => [...(await weights.read(entry))]));
      for (const [i, entry] of [...parameters(second).entries()].toReversed()) {
        expect([...(await second.read(entry))]).toEqual(forwards[i]);
        expect([...(await second.read(entry))]).toEqual(forwards[i]);
      }
      await second.close();
      const [first] = parameters(weights);
      expect([...(await weights.read(first!))]).toEqual(forwards[0]);
    });
  });
}
