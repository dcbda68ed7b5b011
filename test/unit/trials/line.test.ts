import { expect, test } from '@jest/globals';
import { fitLine } from '../../../trials/soak/line.js';
import { Random } from '../../../trials/random.js';

const xs = Array.from({ length: 100 }, (_, i) => i / 10);

test('the slope of a straight line, without noise', () => {
  const line = fitLine(
    xs,
    xs.map((x) => 3 + 2 * x),
  );
  expect(line.slope).toBeCloseTo(2, 10);
  expect(line.noise).toBeCloseTo(0, 10);
  expect(line.at(20)).toBeCloseTo(43, 8);
});

test('independent noise is no trend, and a trend is one in spite of it', () => {
  const random = new Random(7);
  const noise = xs.map(() => random.between(-1, 1));
  const flat = fitLine(xs, noise);
  expect(Math.abs(flat.slope)).toBeLessThan(3 * flat.noise);
  const steep = fitLine(
    xs,
    xs.map((x, i) => x + noise[i]!),
  );
  expect(steep.slope).toBeGreaterThan(3 * steep.noise);
});

test('a wave is not taken for a trend: neighbours that resemble each other count for less', () => {
  const wave = xs.map((x) => Math.sin(x / 2.2));
  const line = fitLine(xs, wave);
  expect(Math.abs(line.slope)).toBeLessThan(3 * line.noise);
});
