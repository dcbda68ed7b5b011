import { describe, expect, test } from '@jest/globals';
import type { Layout, Level } from '../../../src/backbone/tensor.js';
import { describeLevel, type FeatureSet } from '../../../src/features/feature-set.js';
import { decodeBand } from '../../../src/features/jpeg-band.js';
import { encodeJpegLevels } from '../../../src/features/jpeg-levels.js';
import { bandsOf } from '../../../src/features/level-axes.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';

const ZERO_POINT = 40;

/** Planes of noise, so that JPEG loses something, and of one value, so that it loses nothing. */
function levelOf(name: string, noise: number): Level {
  const [channels, height, width] = [512, 64, 64];
  const data = Uint8Array.from(
    { length: channels * height * width },
    (_, i) => ZERO_POINT + 60 + ((Math.imul(i, 0x9e3779b9) >>> 24) * noise) / 256,
  );
  const quantization = { scale: 0.25, zeroPoint: ZERO_POINT };
  const tensor = { dtype: 'uint8', layout: 'nchw', shape: [channels, height, width], data, quantization } as const;
  return { name, stride: 4, tensor, clipped: false };
}

function setOf(levels: readonly Level[], layout: Layout): FeatureSet {
  const described = levels.map((level) => describeLevel(level, { codec: 'jpeg', quality: 75, layout }));
  return { levels, description: { ...featureSet([]).description, levels: described } };
}

describe.each(['nhwc', 'nchw'] as const)('%s', (layout) => {
  test('the loss of a sample is that of the whole level, about', async () => {
    const set = setOf([levelOf('C2', 64), levelOf('C3', 0)], layout);
    const { bands, description } = await encodeJpegLevels(set);
    const level = description.levels[0]!;
    let [power, noise] = [0, 0];
    for (let band = 0; band < bandsOf(level).count; band++) {
      const decoded = await decodeBand(bands!.get('C2')![band]!, level, band);
      const { length } = bandsOf(level);
      decoded.forEach((value, i) => {
        // The first axis is rows or channels.
        const [a, b, c] = [
          band * length + Math.floor(i / (level.shape[1] * level.shape[2])),
          Math.floor(i / level.shape[2]) % level.shape[1],
          i % level.shape[2],
        ];
        const at = layout === 'nchw' ? (a * 64 + b) * 64 + c : (c * 64 + a) * 64 + b;
        const exact = set.levels[0]!.tensor.data[at]! - ZERO_POINT;
        power += exact ** 2;
        noise += (value - ZERO_POINT - exact) ** 2;
      });
    }
    expect(description.loss!['C2']!.snrDb).toBeCloseTo(10 * Math.log10(power / noise), 0);
    expect(description.loss!['C2']!.maxAbs).toBeGreaterThan(0);
    expect(description.loss!['C3']).toEqual({ snrDb: null, maxAbs: 0 });
  });
});

test('a set that is stored without loss stays as it is', async () => {
  const set = featureSet(plansOf('uint8'));
  expect(await encodeJpegLevels(set)).toBe(set);
});
