import { describe, expect, test } from '@jest/globals';
import type { LevelDescription } from '../../../../src/features/feature-set.js';
import { placeBoxes, type RoiMethod } from '../../../../src/features/roi-align/boxes.js';
import { levelOfBox, poolableLevels } from '../../../../src/features/roi-align/levels.js';

const SIZE = 1024;

function level(name: string, stride: number, channels = 256): LevelDescription {
  return { name, shape: [SIZE / stride, SIZE / stride, channels], dtype: 'float16', layout: 'nhwc', stride, channels };
}

const C = [level('C2', 4), level('C3', 8, 512), level('C4', 16, 1024), level('C5', 32, 2048)];
const P = [level('P2', 4), level('P3', 8), level('P4', 16), level('P5', 32), level('P6', 64)];
const named = (...names: string[]) => [...C, ...P].filter(({ name }) => names.includes(name));

function levelFor(box: readonly number[], method: RoiMethod, levels = named('P2', 'P3', 'P4', 'P5')): string {
  const placing = { method, coordinates: 'pixel', format: 'yxyx', size: SIZE } as const;
  return levelOfBox(placeBoxes([box], placing)[0]!, method, levels, SIZE).name;
}

describe('levelOfBox', () => {
  // The results of TensorFlow and PyTorch for square boxes in float32. The sides just below the borders distinguish
  // float32 from double, and Detectron2's epsilon from torchvision's.
  test.each([
    ['matterport', [0, 1, 2, 80, 81, 159, 160, 317, 318, 1024, 2000], '22223344555'],
    ['detectron2', [0, 1, 55, 111, 111.9999], '22222'],
    ['detectron2', [111.99995, 111.99998, 111.99999, 112, 223.9998, 223.99998, 224], '2233344'],
    ['detectron2', [447.9995, 447.99995, 447.99997, 448, 1024, 2000], '455555'],
    ['torchvision', [0, 1, 55, 111, 111.9999], '22222'],
    ['torchvision', [111.99995, 111.99998, 111.99999, 112, 223.9998, 223.99998, 224], '3333344'],
    ['torchvision', [447.9995, 447.99995, 447.99997, 448, 1024, 2000], '455555'],
  ] as const)('%s, sides %j', (method, sides, expected) => {
    expect(sides.map((side) => levelFor([0, 0, side, side], method)[1]).join('')).toBe(expected);
  });

  test('the side is that of the square of the same area, wherever the box lies', () => {
    for (const method of ['matterport', 'detectron2', 'torchvision'] as const) {
      expect(levelFor([-300, 900, -300 + 64, 900 + 1024], method)).toBe('P4');
      expect(levelFor([0, 0, 1, 1024], method)).toBe('P2');
      expect(levelFor([0, 0, 0, 1024], method)).toBe('P2');
    }
  });

  test('Matterport’s box that is turned over along both axes counts as the box, along one as nothing', () => {
    expect(levelFor([500, 500, 10, 10], 'matterport')).toBe('P5');
    expect(levelFor([500, 10, 10, 500], 'matterport')).toBe('P2');
  });

  test('takes the nearest level that is there, and of one level that', () => {
    expect(levelFor([0, 0, 10, 10], 'matterport', named('P3', 'P5'))).toBe('P3');
    expect(levelFor([0, 0, 600, 600], 'detectron2', named('P2', 'P3'))).toBe('P3');
    expect(levelFor([0, 0, 10, 10], 'torchvision', named('C5'))).toBe('C5');
  });

  test('Matterport never goes beyond P5; the others go where the strides go', () => {
    const sides = [0, 0, 1000, 1000];
    expect(levelFor(sides, 'matterport', P)).toBe('P5');
    expect(levelFor(sides, 'detectron2', P)).toBe('P6');
    expect(levelFor(sides, 'torchvision', P)).toBe('P6');
  });

  test('Matterport counts levels, the others their strides', () => {
    const small = [level('P2', 1), level('P3', 2), level('P4', 4), level('P5', 8)];
    expect(levelFor([0, 0, 50, 50], 'matterport', small)).toBe('P2');
    expect(levelFor([0, 0, 50, 50], 'detectron2', small)).toBe('P3');
    expect(levelFor([0, 0, 50, 50], 'torchvision', small)).toBe('P3');
  });
});

describe('poolableLevels', () => {
  const names = (levels: readonly LevelDescription[]) => levels.map(({ name }) => name).join();

  test.each([
    ['the heads’ levels of a pyramid', [...C, ...P], 'P2,P3,P4,P5'],
    ['what there is of them', named('C3', 'P3', 'P6'), 'P3'],
    [
      'without a pyramid the backbone’s, if they have one width',
      [level('C1', 4, 64), level('C2', 4), level('C3', 8)],
      'C2,C3',
    ],
    ['or if there is one', named('C4'), 'C4'],
  ])('by default are %s', (_, held, expected) => {
    expect(names(poolableLevels(held))).toBe(expected);
  });

  test('those named are taken, P6 too', () => {
    expect(names(poolableLevels([...C, ...P], named('P5', 'P6')))).toBe('P5,P6');
    expect(names(poolableLevels([...C, ...P], named('C3')))).toBe('C3');
  });

  test.each([
    ['of different widths', C, undefined, /one width \(C2 256, C3 512, C4 1024, C5 2048\)/],
    ['of different widths, named', C, named('C2', 'C5'), /name one level/],
    ['of both kinds', [...C, ...P], named('C2', 'P3'), /not from C2, P3/],
    ['of which none is a head’s', named('P6'), undefined, /holds neither/],
  ])('levels %s are unsuitable', (_, held, chosen, message) => {
    expect(() => poolableLevels(held, chosen)).toThrow(
      expect.objectContaining({ code: 'levels-unsuitable', message: expect.stringMatching(message) }),
    );
  });
});
