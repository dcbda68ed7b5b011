import { expect, test } from '@jest/globals';
import { Random } from '../../../trials/random.js';

const draw = (random: Random) => Array.from({ length: 1000 }, () => random.next());

test('a seed determines what is drawn', () => {
  expect(draw(new Random(5))).toEqual(draw(new Random(5)));
  expect(draw(new Random(5))).not.toEqual(draw(new Random(6)));
  const [one, other] = [new Random(5), new Random(5)];
  expect(draw(one.fork())).toEqual(draw(other.fork()));
  expect(one.next()).toBe(other.next());
});

test('numbers spread over their range', () => {
  const numbers = draw(new Random(1));
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  expect(numbers.reduce((sum, number) => sum + number, 0) / numbers.length).toBeCloseTo(0.5, 1);
  expect(new Set(Array.from({ length: 200 }, () => new Random(3).between(2, 3) >= 2))).toEqual(new Set([true]));
});

test('a shuffled list has what the list has', () => {
  const list = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = new Random(9).shuffled(list);
  expect(shuffled).not.toEqual(list);
  expect(shuffled.toSorted((a, b) => a - b)).toEqual(list);
});
