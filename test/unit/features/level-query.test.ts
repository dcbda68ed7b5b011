import { describe, expect, test } from '@jest/globals';
import { ArchiveReader } from '../../../src/features/archive-reader.js';
import { levelQuerySchema, selectLevels } from '../../../src/features/level-query.js';
import { parse } from '../../../src/parse.js';
import { pyramid } from '../../support/pyramids.js';

const { description } = pyramid(64, 1);
const archive = {
  description,
  select: (names?: readonly string[]) => description.levels.filter(({ name }) => names?.includes(name) ?? true),
} as ArchiveReader;
const choose = (query: Record<string, unknown>) => selectLevels(archive, parse(levelQuerySchema, query));
const levelsOf = (query: Record<string, unknown>) =>
  choose(query)
    .levels.map(({ name }) => name)
    .join();

describe('selectLevels', () => {
  test('all levels, whole and finest first, where nothing is asked', () => {
    expect(choose({})).toEqual({ levels: description.levels, window: undefined });
  });

  test('levels are a list or repeated, and may come coarsest first', () => {
    expect(levelsOf({ levels: 'P4,P2' })).toBe('P2,P4');
    expect(levelsOf({ levels: ['P3', 'P5'] })).toBe('P3,P5');
    expect(levelsOf({ levels: 'P2,P3', order: 'fine-first' })).toBe('P2,P3');
    expect(levelsOf({ order: 'coarse-first' })).toBe('P5,P4,P3,P2');
  });

  test('a type to send levels in is float16 or float32', () => {
    expect([choose({}).as, choose({ as: 'float16' }).as, choose({ as: 'float32' }).as]).toEqual([
      undefined,
      'float16',
      'float32',
    ]);
  });

  test('a window is four numbers within the canvas', () => {
    expect(choose({ window: '0,1,2.5,64' }).window).toEqual([0, 1, 2.5, 64]);
  });

  test.each([
    ['window', ['', '1,2,3', '0,0,1,1,1', '0,0,65,1', '0,0,1,65', '-1,0,1,1', '2,0,2,1', '2,0,1,1', '0,5,1,4']],
    ['window', ['a,b,c,d', '0,0,1e1,1', '0,0,Infinity,1', '0,0,0x9,1', ' 0,0,1,1', '0,0,1,', '0,0,.5,1']],
    ['order', ['', 'fine', 'fine-first,coarse-first']],
    ['as', ['', 'uint8', 'FP32', 'float16,float32']],
  ])('another %s is refused: %j', (name, values) => {
    for (const value of values) {
      expect(() => choose({ [name]: value })).toThrow(
        expect.objectContaining({ code: 'option-invalid', message: expect.stringContaining(`not "${value}"`) }),
      );
    }
  });

  test('another option is refused', () => {
    expect(() => choose({ windows: '0,0,1,1' })).toThrow(
      expect.objectContaining({
        code: 'option-unknown',
        message: expect.stringContaining('levels, window, order, as'),
      }),
    );
  });
});
