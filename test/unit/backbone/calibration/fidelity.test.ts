import { expect, test } from '@jest/globals';
import { fidelity, WorstOfLevels } from '../../../../src/backbone/calibration/fidelity.js';

test('equal maps lose nothing, maps of zeros included', () => {
  const map = Float32Array.of(1, -2, 3);
  expect(fidelity(map, map)).toEqual({ cosine: 1, snrDb: Infinity, maxAbs: 0 });
  expect(fidelity(new Float32Array(3), new Float32Array(3))).toEqual({ cosine: 1, snrDb: Infinity, maxAbs: 0 });
});

test('cosine, signal to noise and worst error', () => {
  const { cosine, snrDb, maxAbs } = fidelity(Float32Array.of(3, 4), Float32Array.of(4, 3));
  expect(cosine).toBeCloseTo(24 / 25, 12);
  expect(snrDb).toBeCloseTo(10 * Math.log10(25 / 2), 12);
  expect(maxAbs).toBe(0.25);
});

test('the worst of each level: number by number, whichever image it is of', () => {
  const worst = new WorstOfLevels();
  worst.add('C2', { cosine: 0.9, snrDb: Infinity, maxAbs: 0.3 });
  worst.add('C3', { cosine: 1, snrDb: Infinity, maxAbs: 0 });
  worst.add('C2', { cosine: 0.99, snrDb: 12, maxAbs: 0.1 });
  expect(worst.errors()).toEqual([
    { level: 'C2', cosine: 0.9, snrDb: 12, maxAbs: 0.3 },
    { level: 'C3', cosine: 1, snrDb: null, maxAbs: 0 },
  ]);
});
