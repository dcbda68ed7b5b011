import { afterEach, describe, expect, test } from '@jest/globals';
import { sizeOf } from '../../../../src/backbone/graph/summary.js';
import type { WeightsReader } from '../../../../src/backbone/weights/weights-reader.js';
import { fixtureShape, fixtureValues } from '../../../support/fixture-weights.js';

export interface ReaderCase {
  readonly name: string;
  readonly format: WeightsReader['format'];
  /** Opens weights for the graph of test/fixtures/weights. */
  readonly open: () => Promise<WeightsReader>;
  /** By `layer/parameter`; the fixture's where not given. Undefined where values are drawn. */
  readonly values?: Readonly<Record<string, readonly number[]>> | undefined;
}

/** What every reader of the weights room must do, whatever the parameters come in. */
export function testWeightsReader({ name, format, open, values }: ReaderCase): void {
  describe(`WeightsReader over ${name}`, () => {
    const opened: WeightsReader[] = [];
    const reader = async () => {
      opened.push(await open());
      return opened.at(-1)!;
    };
    afterEach(async () => {
      for (const each of opened.splice(0)) await each.close();
    });

    test(`says that its format is ${format}`, async () => {
      expect((await reader()).format).toBe(format);
    });

    test('declares each parameter once, with layer, name, shape and type', async () => {
      const entries = (await reader()).entries();
      const declared = entries.map(({ layer, parameter, shape }) => [`${layer}/${parameter}`, [...shape]] as const);
      const expected = Object.keys(fixtureValues()).map((key) => [key, fixtureShape(key)]);
      expect(declared.toSorted()).toEqual(expected.toSorted());
      for (const { dtype } of entries) expect(dtype).not.toBe('');
    });

    test('reads as many float32 values as the shape has', async () => {
      const weights = await reader();
      for (const entry of weights.entries()) {
        const read = await weights.read(entry);
        expect(Object.prototype.toString.call(read)).toBe('[object Float32Array]');
        expect(read).toHaveLength(sizeOf(entry.shape));
      }
    });

    test('reads the values in C order', async () => {
      const weights = await reader();
      for (const entry of weights.entries()) {
        const read = [...(await weights.read(entry))];
        if (values) expect(read).toEqual(values[`${entry.layer}/${entry.parameter}`]);
        else expect(new Set(read).size).toBe(read.length);
      }
    });

    test('reads the same in any order, twice, and at the same time', async () => {
      const [first, second] = [await reader(), await reader()];
      const forwards = await Promise.all(first.entries().map(async (entry) => [...(await first.read(entry))]));
      for (const [i, entry] of [...second.entries().entries()].toReversed()) {
        expect([...(await second.read(entry))]).toEqual(forwards[i]);
        expect([...(await second.read(entry))]).toEqual(forwards[i]);
      }
    });
  });
}
