import { expect, test } from '@jest/globals';
import { LineNumbers } from '../../../../src/cli/batch/line-numbers.js';

test('submitted lines are found again where others were left out', () => {
  for (const manifest of [[1, 2, 3], [2], [1, 2, 5, 6, 9], [4, 5, 7, 8, 9, 100]]) {
    const lines = new LineNumbers();
    for (const line of manifest) lines.push(line);
    expect(lines.length).toBe(manifest.length);
    expect(manifest.map((_, index) => lines.lineOf(index + 1))).toEqual(manifest);
  }
});
